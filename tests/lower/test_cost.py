"""What `lowered.cost()` counts, by hand."""

import numpy as np
import pytest

import graphc
from graphc.errors import ArgumentError


def cost_of(function, *types):
    return graphc.compile(function).lower(*types).cost()


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def test_an_elementwise_kernel_reads_its_inputs_and_writes_its_output_once():
    (kernel,) = cost_of(lambda x, y: x * y + x, "f32[1000]", "f32[1000]").kernels
    assert (kernel.read, kernel.written, kernel.flops) == (8000, 4000, 2000)
    assert kernel.intensity == 2000 / 12000
    assert set(kernel.operations) == {"multiply", "add"}


def test_a_matrix_product_takes_two_flops_per_multiplication():
    (kernel,) = cost_of(lambda a, b: a @ b, "f64[30, 40]", "f64[40, 50]").kernels
    assert kernel.flops == 2 * 30 * 40 * 50
    assert (kernel.read, kernel.written) == (8 * (30 * 40 + 40 * 50), 8 * 30 * 50)
    assert kernel.double


def test_phases_over_one_row_read_it_from_memory_once():
    (kernel,) = cost_of(softmax, "f32[64, 1000]").kernels
    assert (kernel.read, kernel.written) == (64 * 4000, 64 * 4000)


def test_unknown_sizes_stay_in_the_cost_until_they_are_given():
    cost = cost_of(softmax, "f32[N, 1000]")
    assert str(cost.moved) == "8000*N"
    assert cost.seconds is None
    assert cost.at(N=64).moved == cost_of(softmax, "f32[64, 1000]").moved
    assert cost.at(N=64).seconds > 0
    with pytest.raises(ArgumentError, match="sizes N are missing"):
        cost.at(M=3)


def test_a_kernel_divided_into_tasks_costs_as_much_as_a_whole_one():
    (kernel,) = cost_of(lambda x: np.exp(x), "f32[4000000]").kernels
    assert (kernel.read, kernel.written) == (16_000_000, 16_000_000)
    assert kernel.flops == 12 * 4_000_000


def test_a_loop_whose_length_the_data_decide_gives_a_bound_that_the_roofline_ignores():
    cost = cost_of(lambda x: np.sort(x), "f32[1000]")
    (kernel,) = cost.kernels
    assert kernel.at_most and kernel.intensity is None
    assert cost.seconds == pytest.approx(8000 / cost.limits.bandwidth(cost.peak_memory) * 1e-9)
    assert "≤ " in str(cost)


def test_peak_memory_is_arguments_results_and_arena():
    cost = cost_of(lambda a, b: a @ b, "f64[30, 40]", "f64[40, 50]")
    assert cost.arguments == 8 * (30 * 40 + 40 * 50)
    assert cost.results == 8 * 30 * 50
    assert cost.peak_memory == cost.arguments + cost.results + cost.arena


def test_memory_that_is_updated_in_place_counts_once():
    update = graphc.compile(lambda p, g: p - 0.1 * g, donate=("p",))
    cost = update.lower("f32[1000]", "f32[1000]").cost()
    assert (cost.arguments, cost.results) == (8000, 0)


def test_the_roofline_time_is_the_larger_of_arithmetic_and_traffic():
    cost = cost_of(lambda a, b: a @ b, "f32[512, 512]", "f32[512, 512]")
    (kernel,) = cost.kernels
    assert cost.seconds == pytest.approx(kernel.flops / cost.limits.gflops_f32 * 1e-9)
    stream = cost_of(lambda x, y: x + y, "f32[20000000]", "f32[20000000]")
    bandwidth = stream.limits.bandwidth(240_000_000)
    assert stream.seconds == pytest.approx(240_000_000 / bandwidth * 1e-9)


def test_the_table_names_kernels_and_adds_them_up():
    lines = str(
        cost_of(lambda x, w: np.mean(np.tanh(x @ w) ** 2), "f32[8, 784]", "f32[784, 10]")
    ).splitlines()
    assert lines[0].split() == ["kernel", "flops", "bytes", "flops/byte", "roofline", "operations"]
    assert lines[1].startswith("k0") and lines[1].endswith("matmul")
    assert any(line.startswith("total") for line in lines)
    assert lines[-2].startswith("peak memory: ") and lines[-1].startswith("one core: ")
