"""Arrays of other libraries, handed over by DLPack: used where they lie, or refused with a reason."""

import ctypes

import numpy as np
import pytest

import graphc
from graphc.api.arguments import describe
from tests.api.raising import raises_exactly


class Tensor:
    """An array of some other library: it knows DLPack and nothing of NumPy."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Graphics(Tensor):
    """A tensor whose memory is on a CUDA device: the first field after the pointer to the data says so."""

    def __dlpack__(self, **options):
        capsule = super().__dlpack__()
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        ctypes.c_int32.from_address(pointer(capsule, b"dltensor") + 8).value = 2
        return capsule

    def __dlpack_device__(self):
        return (2, 0)


class Recorded(Tensor):
    """A tensor that is part of a gradient, and says so when asked for its memory."""

    def __dlpack__(self, **options):
        raise BufferError("a tensor that requires a gradient")


def taken(tensor):
    """The array that a program would read."""
    return describe(tensor, lambda: "x")[0]


def weighted(x):
    return np.sum(x * np.arange(x.size, dtype=x.dtype).reshape(x.shape))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i8", "u2", "?"])
@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (0, 3)])
def test_a_contiguous_array_is_read_where_it_lies(shape, dtype):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    found = taken(Tensor(array))
    assert found.ctypes.data == array.ctypes.data or not array.size
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    doubled = graphc.compile(lambda x: x + x)(Tensor(array))
    assert doubled.dtype == array.dtype
    np.testing.assert_array_equal(doubled, array + array)


@pytest.mark.parametrize("view", [lambda a: a.T, lambda a: a[::-1], lambda a: a[:, ::2], lambda a: a[1:, 1:]])
def test_strided_arrays_are_read_in_their_order(view):
    array = view(np.arange(12.0).reshape(3, 4))
    assert graphc.compile(weighted)(Tensor(array)) == weighted(array)


def test_read_only_arrays_are_read_and_never_written():
    array = np.arange(4.0)
    array.flags.writeable = False
    found = taken(Tensor(array))
    assert found.ctypes.data == array.ctypes.data
    assert not found.flags.writeable
    assert graphc.compile(weighted)(Tensor(array)) == weighted(array)

    def advance(x):
        return x + 1

    text = "argument 'x' is overwritten, but it is read-only. Pass a copy, or do not donate it."
    with raises_exactly(graphc.DonationError, text):
        graphc.compile(advance, donate="x")(Tensor(array))
    assert np.array_equal(array, np.arange(4.0))


def test_a_donated_array_of_another_library_is_written_in_place():
    array = np.arange(4.0)
    result = graphc.compile(lambda x: x + 1, donate="x")(Tensor(array))
    assert np.array_equal(array, [1, 2, 3, 4])
    assert np.shares_memory(result, array)


def test_arrays_inside_trees_and_derivatives():
    params = {"w": Tensor(np.arange(3.0)), "b": Tensor(np.array(2.0))}
    slopes = graphc.grad(lambda p: np.sum(p["w"] ** 2) * p["b"])(params)
    assert np.array_equal(slopes["w"], [0, 4, 8])
    assert slopes["b"] == 5


def test_memory_on_another_device_is_refused():
    text = (
        "argument x of weighted is a {}.Graphics that NumPy cannot read (Unsupported device in DLTensor.)"
        "\n  Move it to the CPU and detach it from other frameworks' gradients, or pass a NumPy array."
    )
    with raises_exactly(graphc.ArgumentError, text.format(__name__)):
        graphc.compile(weighted)(Graphics(np.arange(4.0)))


def test_a_tensor_that_does_not_give_its_memory_is_refused():
    text = (
        "argument x of weighted is a {}.Recorded that NumPy cannot read (a tensor that requires a gradient)"
        "\n  Move it to the CPU and detach it from other frameworks' gradients, or pass a NumPy array."
    )
    with raises_exactly(graphc.ArgumentError, text.format(__name__)):
        graphc.compile(weighted)(Recorded(np.arange(4.0)))


def test_a_dtype_without_a_meaning_here_is_refused():
    text = (
        "argument x of weighted is an array of dtype float16, which graphc does not compute with"
        "\n  Convert it first: x.astype(np.float32) or x.astype(np.float64)."
    )
    with raises_exactly(graphc.ArgumentError, text):
        graphc.compile(weighted)(Tensor(np.ones(4, np.float16)))


def test_results_can_be_handed_on_and_keep_their_memory():
    double = graphc.compile(lambda x: 2 * x)
    handed = np.from_dlpack(Tensor(double(np.arange(2000.0))))
    for _ in range(5):  # results of later calls must not land in memory that is still in use
        double(np.zeros(2000))
    assert np.array_equal(handed, 2 * np.arange(2000.0))


@pytest.mark.parity("jax")
def test_arrays_of_jax_are_read_where_they_lie_and_read_results():
    import jax

    x = jax.numpy.arange(12, dtype=np.float32).reshape(3, 4)
    assert taken(x).ctypes.data == x.unsafe_buffer_pointer()
    assert not taken(x).flags.writeable
    result = graphc.compile(lambda x: x * 2)(x)
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(jax.dlpack.from_dlpack(result), 2 * np.asarray(x))


@pytest.mark.parity("torch")
def test_tensors_of_torch_are_read_where_they_lie():
    import torch

    x = torch.arange(12, dtype=torch.float64).reshape(3, 4)
    assert taken(x).ctypes.data == x.data_ptr()
    assert graphc.compile(weighted)(x.T) == weighted(x.numpy().T)
    with pytest.raises(graphc.ArgumentError, match="detach it from other frameworks' gradients"):
        graphc.compile(weighted)(x.requires_grad_())
    np.testing.assert_array_equal(
        torch.from_dlpack(graphc.compile(lambda x: x + 1)(x.detach())), x.detach() + 1
    )
