import itertools
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from metrics import complexity
from metrics.complexity import SECONDS, Energy, Macs, Memory, Parameters, Seconds, energy_counter


def macs(network, *inputs):
    return Macs().measure(network, lambda: network(*inputs))


@pytest.mark.parametrize(
    ("layer", "true", "paper"),
    [
        (nn.Conv2d(16, 32, 3, padding=1), 4_718_592, 4_718_592 + 32 * 32 * 32),
        (nn.Conv2d(16, 32, 3, padding=1, bias=False), 4_718_592, 4_718_592),
        (nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), 1_179_648, 1_179_648),
        (nn.Conv2d(16, 32, 3, padding=1, groups=4, bias=False), 1_179_648, 1_179_648),
        (nn.ConvTranspose2d(16, 32, 4, stride=2, padding=1, bias=False), 8_388_608, 33_554_432),
        (nn.BatchNorm2d(16), 0, 0),
        (nn.LeakyReLU(0.2), 0, 16 * 32 * 32),
        (nn.ReLU(), 0, 0),
    ],
)
def test_layer_is_counted_truly_and_as_the_papers_do(layer, true, paper):
    counted = macs(layer, torch.zeros(1, 16, 32, 32))
    assert counted == pytest.approx({"gmacs": true / 1e9, "gmacs_paper": paper / 1e9}, rel=1e-12)


def test_linear_counts_no_bias():
    counted = macs(nn.Linear(256, 128), torch.zeros(3, 256))
    assert counted == pytest.approx({"gmacs": 3 * 32_768e-9, "gmacs_paper": 3 * 32_768e-9}, rel=1e-12)


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(32, 16, 3, 3))

    def forward(self, x):
        return torch.einsum("nchw,nkhw->nck", F.conv2d(x, self.weight, padding=1), x)


def test_functions_are_multiply_adds_that_the_papers_leave_out():
    counted = macs(Functional(), torch.zeros(1, 16, 32, 32))
    assert counted == pytest.approx({"gmacs": (4_718_592 + 32 * 16 * 1024) / 1e9, "gmacs_paper": 0.0}, rel=1e-12)


class Normed(nn.Conv2d):
    def forward(self, x):
        return self._conv_forward(x, self.weight / self.weight.norm(), self.bias)


@pytest.mark.parametrize(
    "layer",
    [
        Normed(16, 32, 3, padding=1, bias=False),
        nn.utils.spectral_norm(nn.Conv2d(16, 32, 3, padding=1, bias=False)).eval(),
        nn.utils.parametrizations.spectral_norm(nn.Conv2d(16, 32, 3, padding=1, bias=False)).eval(),
    ],
    ids=["subclass", "hook", "parametrization"],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_normalized_convolutions_count_as_convolutions(layer):
    assert macs(layer, torch.zeros(1, 16, 32, 32))["gmacs_paper"] == pytest.approx(4_718_592e-9, rel=1e-12)


def test_counting_inside_inference_mode_gives_the_same():
    layer = nn.Linear(256, 128)

    @torch.inference_mode()
    def run():
        return layer(torch.zeros(1, 256)) @ torch.zeros(128, 5)

    assert Macs().measure(layer, run)["gmacs"] == pytest.approx((32_768 + 640) / 1e9, rel=1e-12)


def test_counting_leaves_no_hooks():
    layer = nn.Conv2d(3, 3, 1)
    with pytest.raises(RuntimeError):
        macs(layer, torch.zeros(1, 4, 2, 2))
    assert not layer._forward_hooks


def test_parameters_are_counted_once_and_without_buffers_even_when_frozen():
    linear = nn.Linear(100, 10)
    network = nn.Sequential(linear, nn.BatchNorm1d(10), nn.Linear(10, 100), linear).requires_grad_(False)
    assert Parameters().measure(network, lambda: None) == {"params_m": (1010 + 20 + 1100) / 1e6}


class Clock:
    """Time that passes only when told to."""

    def __init__(self, monkeypatch):
        self.wall = self.cpu = 0.0
        monkeypatch.setattr(complexity, "time", self)

    def perf_counter(self):
        return self.wall

    def thread_time(self):
        return self.cpu

    def spend(self, wall, cpu):
        self.wall += wall
        self.cpu += cpu


def test_seconds_are_the_median_of_calls_after_a_warm_up_with_their_spread(monkeypatch):
    clock = Clock(monkeypatch)
    calls = iter([9.0, 8.0, 1.0, 3.0, 2.0, 2.5, 7.0])
    measured = Seconds().measure(nn.Identity(), lambda: clock.spend(*[next(calls)] * 2))
    p10, p90 = np.percentile([1.0, 3.0, 2.0, 2.5, 7.0], [10, 90])
    expected = {"seconds": 2.5, "seconds_p10": p10, "seconds_p90": p90, "calls": 5, "cpu_share": 1.0}
    assert measured == pytest.approx(expected)
    assert next(calls, None) is None
    assert SECONDS.doubt(measured) == ""


def test_rounds_are_pooled_after_one_warm_up(monkeypatch):
    clock, calls = Clock(monkeypatch), itertools.count()
    measured = Seconds(rounds=3).measure(nn.Identity(), lambda: clock.spend(*[float(next(calls))] * 2))
    assert (measured["calls"], measured["seconds"]) == (15, 9.0)  # the calls 2 to 16


@pytest.mark.parametrize(("cpu", "text"), [(0.94, "had the CPU 94%"), (0.96, "")])
def test_times_are_doubted_where_the_process_waited_for_more_than_a_twentieth(monkeypatch, cpu, text):
    clock = Clock(monkeypatch)
    measured = Seconds().measure(nn.Identity(), lambda: clock.spend(wall=1.0, cpu=cpu))
    assert measured["cpu_share"] == pytest.approx(cpu)
    assert text in SECONDS.doubt(measured)
    assert bool(SECONDS.doubt(measured)) == bool(text)


def test_a_gpu_is_timed_by_its_events(monkeypatch):
    """A stand-in for a GPU: its clock moves with every call, and can be read after a synchronization only."""
    state = {"now": 0.0, "synchronized": False}

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            self.time = state["now"]

        def elapsed_time(self, end):
            assert state["synchronized"]
            return end.time - self.time

    calls = itertools.count()

    def run():
        state["now"] += next(calls)  # milliseconds

    monkeypatch.setattr(complexity, "_device", lambda network: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: state.update(synchronized=True))
    measured = Seconds(rounds=2).measure(nn.Identity(), run)
    expected = np.percentile(np.arange(10, 210) / 1000, [50, 10, 90])
    assert measured["calls"] == 200
    assert [measured[key] for key in ("seconds", "seconds_p10", "seconds_p90")] == pytest.approx(expected)
    assert "cpu_share" not in measured


def test_other_devices_are_waited_for_and_their_times_not_held_against_the_cpu(monkeypatch):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(complexity, "_device", lambda network: torch.device("mps"))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: clock.spend(wall=2.0, cpu=0.0))
    measured = Seconds().measure(nn.Identity(), lambda: clock.spend(wall=1.0, cpu=1.0))
    assert measured["seconds"] == 3.0
    assert "cpu_share" not in measured


def test_memory_of_a_cpu_is_not_claimed():
    assert Memory().measure(nn.Linear(2, 2), lambda: None) == {}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_memory_of_a_gpu_holds_the_network_and_its_work():
    network = nn.Linear(1000, 1000, device="cuda")
    inputs = torch.zeros(500, 1000, device="cuda")
    measured = Memory().measure(network, lambda: network(inputs))
    own, output = 1000 * 1001 * 4 / 1e6, 500 * 1000 * 4 / 1e6
    assert measured["memory_beside_mb"] >= output
    assert measured["memory_mb"] == pytest.approx(own + measured["memory_beside_mb"])
    assert measured["memory_reserved_mb"] >= measured["memory_mb"]


# Energy


class Nvml(types.ModuleType):
    """A stand-in for the package of NVML: a GPU that spends 300 W."""

    class NVMLError(Exception):
        pass

    def __init__(self, uuid):
        super().__init__("pynvml")
        self.uuid, self.millijoules = uuid, 7_000_000

    def nvmlInit(self):  # noqa: N802
        pass

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        if uuid != f"GPU-{self.uuid}":
            raise self.NVMLError("not found")
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802
        return self.millijoules


@pytest.fixture
def gpu(monkeypatch):
    nvml = Nvml("1234")
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: types.SimpleNamespace(uuid="1234"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(complexity, "_device", lambda network: torch.device("cuda"))
    return nvml


def test_energy_is_what_the_counter_grew_by_for_each_image(monkeypatch, gpu):
    clock = Clock(monkeypatch)

    def draw():
        clock.spend(wall=0.5, cpu=0.5)
        gpu.millijoules += 150_000

    assert Energy().measure(nn.Identity(), draw) == {"joules": pytest.approx(150.0)}
    assert clock.wall == pytest.approx(0.5 + 5.0)  # one to warm up, then for the span


def test_energy_is_blank_without_counter_package_or_gpu(monkeypatch, gpu):
    cuda = torch.device("cuda")
    assert energy_counter(torch.device("cpu")) is None
    assert energy_counter(cuda)() == 7_000_000
    monkeypatch.setattr(gpu, "uuid", "of another GPU")
    assert energy_counter(cuda) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    assert energy_counter(cuda) is None
    assert Energy().measure(nn.Identity(), lambda: pytest.fail("was run")) == {}
