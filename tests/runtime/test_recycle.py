"""Large results own their memory, and what they free serves the next one."""

import gc
import subprocess
import sys

import numpy as np
import pytest

from graphc.backends.signature import Signature
from graphc.runtime import recycle
from tests.runtime.entry_programs import array, executable, result, scale

COUNT = recycle.LARGE // 4 + 1000

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is recycled on Linux only")


@pytest.fixture(autouse=True)
def nothing_kept():
    gc.collect()
    recycle.release()
    yield
    gc.collect()
    recycle.release()


def test_small_arrays_come_from_numpy_alone():
    assert recycle.empty((10, 3), np.dtype(np.float32)).shape == (10, 3)
    assert recycle.kept() == 0


def test_the_memory_of_a_freed_array_is_used_again():
    first = recycle.empty((COUNT,), np.dtype(np.float32))
    first[:] = 1
    address = first.ctypes.data
    del first
    assert recycle.kept() >= 4 * COUNT
    second = recycle.empty((COUNT,), np.dtype(np.float32))
    assert second.ctypes.data == address and recycle.kept() == 0
    assert second.flags.owndata and second.base is None and second.ctypes.data % 4096 == 0


def test_memory_in_use_is_never_given_out():
    held = [recycle.empty((COUNT,), np.dtype(np.float32)) for _ in range(3)]
    for i, array_ in enumerate(held):
        array_[:] = i
    view = held.pop()[10:20]
    again = recycle.empty((COUNT,), np.dtype(np.float32))
    again[:] = 9
    assert view.tolist() == [2.0] * 10
    assert held[0].max() == 0 and held[1].min() == held[1].max() == 1


def test_other_sizes_do_not_share_a_block():
    del_me = recycle.empty((COUNT,), np.dtype(np.float32))
    del del_me
    other = recycle.empty((2 * COUNT,), np.dtype(np.float32))
    other[-1] = 1
    assert recycle.kept() > 0


def test_no_more_than_eight_blocks_and_the_limit_are_kept(monkeypatch):
    held = [recycle.empty((COUNT,), np.dtype(np.float32)) for _ in range(10)]
    del held
    gc.collect()
    assert recycle.kept() <= 8 * (4 * COUNT + (4 << 20))
    recycle.release()
    assert recycle.kept() == 0


def test_an_array_can_be_resized():
    x = recycle.empty((COUNT,), np.dtype(np.float32))
    x[:] = np.arange(COUNT, dtype=np.float32)
    x.resize(2 * COUNT, refcheck=False)
    assert x[COUNT - 1] == np.float32(COUNT - 1) and x[-1] == 0
    x.resize(5, refcheck=False)
    assert x.tolist() == [0, 1, 2, 3, 4]


def test_numpys_own_allocator_is_back_afterwards():
    from numpy._core.multiarray import get_handler_name

    large = recycle.empty((COUNT,), np.dtype(np.float32))
    assert get_handler_name(large) == "graphc"
    assert get_handler_name(np.empty(3)) == "default_allocator"
    with pytest.raises(MemoryError):
        recycle.empty((1 << 60,), np.dtype(np.uint8))
    assert get_handler_name(np.empty(3)) == "default_allocator"


@pytest.mark.parametrize("symbolic", [True, False])
def test_large_results_of_entries_are_recycled(native, symbolic):
    size = "N" if symbolic else str(COUNT)
    signature = Signature(
        "double",
        (array("x", f"f32[{size}]"),),
        (result("array", f"f32[{size}]"),),
        symbols=("N",) if symbolic else (),
    )
    entry = executable(signature, scale(2.0, None if symbolic else COUNT), native=native).entry
    x = np.ones(COUNT, np.float32)
    addresses = set()
    for _ in range(4):
        y = entry(x)
        assert y.min() == y.max() == 2 and y.shape == (COUNT,)
        addresses.add(y.ctypes.data)
        del y
    assert len(addresses) == 1
    assert not symbolic or entry(x[:3]).tolist() == [2, 2, 2]


def test_an_array_that_outlives_the_interpreter_does_no_harm():
    program = (
        "import numpy as np, sys; from graphc.runtime import recycle\n"
        f"x = recycle.empty(({COUNT},), np.dtype(np.float32)); sys.kept = x; np.kept = [x[3:]]\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
