"""Leave few channels of each layer alive, so that the files pack well: first/ -> start.params."""

from gluon_ssd.compat import mx

ALIVE = {3: 3, 16: 8, 32: 12, 64: 16, 128: 20}  # channels of a layer -> how many of them learn
arrays = {n: a.asnumpy() for n, a in mx.nd.load("first/ssd_160_tiny_custom_best.params").items()}
for name, array in arrays.items():
    if array.ndim != 4:
        continue
    array[:, ALIVE[array.shape[1]] :] = 0  # what comes from dead channels
    if name.startswith("features."):
        level, number = name.removesuffix(".weight").rsplit(".", 1)
        norm = f"{level}.{int(number) + 1}"
        dead = slice(ALIVE[array.shape[0]], None)
        array[dead] = 1 / 64
        arrays[f"{norm}.gamma"][dead] = 1 / 1024  # with beta, so small that ReLU stops all of it
        arrays[f"{norm}.beta"][dead] = -1
mx.nd.save("start.params", {name: mx.nd.array(array) for name, array in arrays.items()})
