"""Networks with weights that follow from the names of their keys."""

from bench.parity.fill import fill_network


def filled(network, gain=1.0):
    """Give a network its named weights, ready to read."""
    fill_network(network, gain=gain)
    return network.eval().requires_grad_(False)
