import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Keep what the suite remembers between runs out of the user's folders."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
