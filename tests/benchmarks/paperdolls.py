"""Print how many drawn persons one core makes in a second: `python tests/benchmarks/paperdolls.py`."""

import time

from bench.datasets.paperdolls.dataset import draw_layout, open_paperdolls, open_paperdolls2


def rate(work, count):
    start = time.process_time()
    for index in range(count):
        work(index)
    return count / (time.process_time() - start)


if __name__ == "__main__":
    for size, count in ((64, 1000), (256, 200)):
        one, two = open_paperdolls("train", size=size), open_paperdolls2("val", size=size)
        print(f"{size}x{size}: {rate(one.__getitem__, count):.0f} items/s with one person,", end=" ")
        print(f"{rate(two.__getitem__, 100):.0f} with two,", end=" ")
        print(f"{rate(lambda index, size=size: draw_layout(index, size, 1), count):.0f} layouts/s without photo")
