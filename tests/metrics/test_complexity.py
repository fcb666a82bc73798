import logging

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from metrics import complexity
from metrics.complexity import Macs, Memory, Parameters, Seconds


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

    def process_time(self):
        return self.cpu

    def spend(self, wall, cpu):
        self.wall += wall
        self.cpu += cpu


def test_seconds_are_the_median_of_calls_after_a_warm_up(monkeypatch, caplog):
    clock = Clock(monkeypatch)
    calls = iter([9.0, 8.0, 1.0, 3.0, 2.0, 2.5, 7.0])
    measured = Seconds().measure(nn.Identity(), lambda: clock.spend(*[next(calls)] * 2))
    assert measured == {"seconds": 2.5}
    assert next(calls, None) is None
    assert not caplog.text


def test_seconds_warn_of_a_process_that_waits(monkeypatch, caplog):
    clock = Clock(monkeypatch)
    with caplog.at_level(logging.WARNING):
        Seconds().measure(nn.Identity(), lambda: clock.spend(wall=1.0, cpu=0.9))
    assert "90 % of the timed span" in caplog.text


def test_memory_of_a_cpu_is_not_claimed():
    assert Memory().measure(nn.Linear(2, 2), lambda: None) == {}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_memory_of_a_gpu_holds_the_network_and_its_work():
    network = nn.Linear(1000, 1000, device="cuda")
    inputs = torch.zeros(500, 1000, device="cuda")
    measured = Memory().measure(network, lambda: network(inputs))["memory_mb"]
    assert measured >= (1000 * 1001 + 500 * 1000) * 4 / 1e6
