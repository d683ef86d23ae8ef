"""Set how MXNet shares the processor, before it is imported.

Every setting is an environment variable; one that the user has set stays as it is. MXNet's
libraries read them once, when they are loaded.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

from gluon_ssd.errors import OptionError
from gluon_ssd.system.cpu import asks_for_amx, container_share, cpu_flags, use_amx

_VNNI = frozenset({"avx512_vnni", "avx_vnni"})
_AMX = frozenset({"amx_tile", "amx_int8"})

_TEAM_SETTINGS = {
    # Copies of large arrays would start threads of their own besides those of the operators.
    # libgomp then counts more threads than processors and lets waiting ones sleep at once, which
    # on a virtual machine costs more than most operators: 2 threads were slower than one.
    "MXNET_CPU_PARALLEL_SIZE": "2000000000",
    # About half a millisecond. Endless waiting would burn what other processes need.
    "GOMP_SPINCOUNT": "10000",
}
_LAUNCHERS = ("HOROVOD_LOCAL_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS")
_WAIT_POLICY = "OMP_WAIT_POLICY"
_SOFT_PAUSE = 1  # omp_pause_soft of OpenMP 5.0, section 3.2.44

_MOST_STREAMS = 8

CORES_VARIABLE = "GLUON_SSD_CORES"
"""What inference computes with: "free", the cores that other programs leave, or "all" of them."""

Environment = MutableMapping[str, str]


def physical_cores(system: Path = Path("/sys")) -> int:
    """Cores that this process may use: hyperthreads count once, a container's share is a limit."""
    processors = os.sched_getaffinity(0)
    cores = set()
    for number in processors:
        siblings = system / f"devices/system/cpu/cpu{number}/topology/thread_siblings_list"
        try:
            cores.add(siblings.read_text(encoding="utf-8").strip())
        except OSError:
            return max(1, len(processors) // 2)  # as MXNet guesses
    return int(max(1, min(len(cores), container_share(system))))


def set_thread_waiting(environment: Environment = os.environ) -> None:
    """Set OpenMP waiting so that several threads are faster than one.

    Every program does so before MXNet is imported.
    """
    for name, value in _TEAM_SETTINGS.items():
        if name != "GOMP_SPINCOUNT" or _WAIT_POLICY not in environment:
            environment.setdefault(name, value)
    if asks_for_amx(environment):
        use_amx()  # a child process inherits the variable, and not the permission


def use_whole_cpu(
    environment: Environment = os.environ, *, threads: int = 0, cores: str = "free"
) -> None:
    """Let inference use every core, and matrix instructions where the CPU has them.

    For scripts that run one network; processes of one launcher share the cores. Call it first:
    once MXNet is imported, nothing is changed. Training keeps MXNet's own number of threads, half
    of the processors, since its data workers need the others.

    Args:
        environment: of this process.
        threads: that compute, where a user has asked for a number; 0 for one on each core.
        cores: what `CORES_VARIABLE` becomes where neither it nor a number of threads is set.
    """
    if "mxnet" in sys.modules:
        return
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    if "OMP_NUM_THREADS" not in environment:
        share = max(1, physical_cores() // _processes_beside(environment))
        environment["OMP_NUM_THREADS"] = str(share)
        environment.setdefault(CORES_VARIABLE, cores)
    use_amx()


def follows_load(environment: Environment = os.environ) -> bool:
    """Whether inference takes fewer threads while other programs need the cores.

    It does not where a user has set the number of threads.
    """
    wanted = environment.get(CORES_VARIABLE)
    return wanted == "free" or (wanted is None and "OMP_NUM_THREADS" not in environment)


def end_own_team() -> None:
    """End the OpenMP threads that wait for the calling thread.

    MXNet computes in threads of its own, each with its OpenMP team. The caller gets a team too when
    it reads an array that oneDNN keeps in its own order, as libraries do that look at values inside
    a network. From then on there are more OpenMP threads than processors, and everything that is
    computed later takes up to twice as long; see _TEAM_SETTINGS.
    """
    try:
        end = ctypes.CDLL("libgomp.so.1").omp_pause_resource_all
    except (OSError, AttributeError):
        return  # another OpenMP, or one older than GCC 9: the threads stay, results are the same
    end(_SOFT_PAUSE)


def compute_threads(environment: Environment = os.environ) -> int:
    """Threads that MXNet's operators use: OMP_NUM_THREADS, or half of this process's processors.

    MXNet takes the other half for hyperthreads, whether they are or not.
    """
    wanted = environment.get("OMP_NUM_THREADS", "").split(",")[0]
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return max(1, len(os.sched_getaffinity(0)) // 2)


def use_compute_threads(count: int, environment: Environment = os.environ) -> None:
    """Let MXNet's operators use so many threads; 0 changes nothing.

    Raises:
        OptionError: MXNet is loaded already, with another number.
    """
    if count <= 0:
        return
    if "mxnet" in sys.modules and count != compute_threads(environment):
        raise OptionError(
            f"MXNet computes with {compute_threads(environment)} threads since it was loaded; it "
            f"cannot change to {count}: start with OMP_NUM_THREADS={count}",
            settings=("threads",),
        )
    environment["OMP_NUM_THREADS"] = str(count)
    environment[CORES_VARIABLE] = "all"


def inference_threads(asked: int = 0, environment: Environment = os.environ) -> int:
    """Threads of a runtime that takes their number: `asked`, OMP_NUM_THREADS, or one a core."""
    is_set = environment.get("OMP_NUM_THREADS", "").split(",")[0].isdigit()
    return asked or (compute_threads(environment) if is_set else physical_cores())


def throughput_streams(threads: int) -> int:
    """Streams for the most images a second: one thread each, which waits for no other.

    Each keeps arrays of its own, so that there are few of them on a machine of many cores.
    """
    return max(1, min(threads, _MOST_STREAMS))


def _processes_beside(environment: Environment) -> int:
    """Processes that a launcher has started on this machine for the same work, this one too."""
    for name in _LAUNCHERS:
        if environment.get(name, "").isdigit():
            return max(1, int(environment[name]))
    return 1


def instruction_set(environment: Environment = os.environ) -> str:
    """The most that MXNet's integer operators may use: "AMX", "VNNI" or "no VNNI"."""
    flags = cpu_flags()
    if _AMX <= flags and asks_for_amx(environment):
        return "AMX"
    return "VNNI" if _VNNI & flags else "no VNNI"
