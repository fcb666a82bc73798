"""Conditions of a batch: planes, edges, and what a region holds."""

import torch
from random_layouts import random_layout

from models.base import Layout, semantic_planes


def small():
    labels = torch.tensor([[[0, 1, 1], [2, 2, 1]], [[2, 2, 2], [0, 0, 0]]])
    instances = torch.tensor([[[1, 1, 4], [0, 0, 4]], [[3, 3, 3], [3, 3, 3]]])
    return Layout(labels, instances, 4)


def slow_edges(instances):
    edges = torch.zeros_like(instances)
    images, height, width = instances.shape
    for n in range(images):
        for y in range(height):
            for x in range(width):
                for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                    v, u = y + dy, x + dx
                    if 0 <= v < height and 0 <= u < width and instances[n, v, u] != instances[n, y, x]:
                        edges[n, y, x] = 1
    return edges[:, None].float()


def test_both_sides_of_an_instance_border_are_edge_and_the_frame_is_not():
    ids = torch.randint(0, 3, (2, 7, 9), generator=torch.Generator().manual_seed(0))
    assert torch.equal(Layout(ids, ids, 3).edges(), slow_edges(ids))
    assert Layout(ids, torch.ones_like(ids), 3).edges().sum() == 0


def test_one_plane_per_class_and_the_edges_last():
    layout = small()
    planes = semantic_planes(layout, edges=True)
    assert planes.shape == (2, 5, 2, 3)
    for number in range(4):
        assert torch.equal(planes[:, number], (layout.labels == number).float())
    assert torch.equal(planes[:, 4:], layout.edges())
    assert torch.equal(semantic_planes(layout, edges=False), layout.onehot())


def test_what_a_region_holds():
    layout = small()
    region = torch.tensor([[[True, False, True], [False, False, False]], [[False] * 3, [True] * 3]])
    assert layout.classes_in(region).tolist() == [[True, True, False, False], [True, False, False, False]]
    assert layout.instances_in(region).tolist() == [[False, True, False, False, True], [False] * 3 + [True, False]]


def test_selecting_repeats_and_reorders():
    layout = random_layout(count=3)
    chosen = layout.select([2, 0, 2])
    assert torch.equal(chosen.labels, layout.labels[[2, 0, 2]])
    assert torch.equal(chosen.instances, layout.instances[[2, 0, 2]])
    assert (len(chosen), chosen.num_classes) == (3, 8)
    assert layout.num_instances == int(layout.instances.max()) + 1
