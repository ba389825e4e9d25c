// Newton's method on Rosenbrock's function: one call gives its value, gradient and Hessian.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "valley.h"

namespace {

using Point = std::array<double, 2>;

struct Expansion {
    double value;
    Point gradient;
    std::array<double, 4> hessian; // row by row
};

Expansion expanded(const Point &x)
{
    // Its size is a constant here, so that it can lie on the stack.
    alignas(64) std::array<std::byte, VALLEY_EXPANSION_WORKSPACE_BYTES> workspace;
    Expansion at{};
    const int status = valley_expansion(x.data(), &at.value, at.gradient.data(), at.hessian.data(),
                                        workspace.data(), workspace.size());
    if (status != VALLEY_OK)
        throw std::runtime_error(valley_expansion_message(status));
    return at;
}

// The solution s of H s = -g, by Cramer's rule.
Point newton_step(const Expansion &at)
{
    const auto [a, b, c, d] = at.hessian;
    const auto [g0, g1] = at.gradient;
    const double determinant = a * d - b * c;
    return {(b * g1 - d * g0) / determinant, (c * g0 - a * g1) / determinant};
}

std::vector<Point> minimised(Point x)
{
    std::vector<Point> path{x};
    for (int i = 0; i < 20; i++) {
        const Expansion at = expanded(x);
        std::printf("%2d  f(%.9f, %.9f) = %.3e\n", i, x[0], x[1], at.value);
        if (std::hypot(at.gradient[0], at.gradient[1]) < 1e-12)
            return path;
        const Point step = newton_step(at);
        x = {x[0] + step[0], x[1] + step[1]};
        path.push_back(x);
    }
    throw std::runtime_error("no minimum was found in 20 steps");
}

} // namespace

int main()
{
    try {
        const std::vector<Point> path = minimised({-1.2, 1.0});
        std::ofstream file("valley_path.bin", std::ios::binary);
        file.write(reinterpret_cast<const char *>(path.data()),
                   static_cast<std::streamsize>(path.size() * sizeof(Point)));
        return file.flush() ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return EXIT_FAILURE;
    }
}
