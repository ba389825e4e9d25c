/* Finds the length and friction of a pendulum by BFGS, on the exported misfit and its gradient. */

#include "support.h"

#include <math.h>
#include <stdbool.h>

#include "pendulum.h"

enum { SAMPLES = 120, ITERATIONS = 100 };

/* What is minimised: measured angles, and memory for one evaluation at a time. */
typedef struct problem {
    const double *angles;
    void *workspace;
    int64_t workspace_bytes;
} problem;

typedef struct point {
    double x[2], value, gradient[2];
} point;

static double dot(const double *a, const double *b)
{
    return a[0] * b[0] + a[1] * b[1];
}

static point evaluated(const problem *p, double x0, double x1)
{
    point at = {{x0, x1}, 0.0, {0.0, 0.0}};
    int status = pendulum_misfit_grad(SAMPLES, at.x, p->angles, &at.value, at.gradient, p->workspace,
                                      p->workspace_bytes);
    if (status != PENDULUM_OK)
        fail("pendulum_misfit_grad", pendulum_misfit_grad_message(status));
    return at;
}

/* Goes along a descent direction, half as far each time until the value falls enough (Armijo 1966). */
static bool line_search(const problem *p, const double *direction, point *at)
{
    const double slope = dot(at->gradient, direction);
    for (double length = 1.0; length > 1e-10; length /= 2) {
        point next = evaluated(p, at->x[0] + length * direction[0], at->x[1] + length * direction[1]);
        if (next.value <= at->value + 1e-4 * length * slope) {
            *at = next;
            return true;
        }
    }
    return false;
}

/* The inverse Hessian's update by a step s that changed the gradient by y (Nocedal & Wright 2006, 6.17). */
static void update(double h[2][2], const double *s, const double *y)
{
    const double sy = dot(s, y);
    if (sy <= 1e-12 * sqrt(dot(s, s) * dot(y, y)))
        return; /* it would no longer be positive definite */
    const double hy[2] = {dot(h[0], y), dot(h[1], y)};
    const double scale = (1.0 + dot(y, hy) / sy) / sy;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            h[i][j] += scale * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / sy;
}

static point minimised(const problem *p, point at)
{
    double h[2][2] = {{1.0, 0.0}, {0.0, 1.0}};
    for (int i = 0; i < ITERATIONS && sqrt(dot(at.gradient, at.gradient)) > 1e-12; i++) {
        const point before = at;
        const double direction[2] = {-dot(h[0], at.gradient), -dot(h[1], at.gradient)};
        if (!line_search(p, direction, &at))
            break; /* rounding errors hide further progress */
        const double s[2] = {at.x[0] - before.x[0], at.x[1] - before.x[1]};
        const double y[2] = {at.gradient[0] - before.gradient[0], at.gradient[1] - before.gradient[1]};
        update(h, s, y);
        printf("%3d  misfit %.3e  length %.6f  friction %.6f\n", i + 1, at.value, exp(at.x[0]), exp(at.x[1]));
    }
    return at;
}

int main(void)
{
    static double angles[SAMPLES];
    problem p = {angles, NULL, pendulum_misfit_grad_workspace_bytes(SAMPLES)};

    read_file("pendulum_angles.bin", angles, sizeof angles);
    p.workspace = new_memory(p.workspace_bytes);
    const point found = minimised(&p, evaluated(&p, log(1.0), log(0.1)));
    free(p.workspace);

    const double natural[2] = {exp(found.x[0]), exp(found.x[1])};
    printf("C:      length %.6f m, friction %.6f 1/s\n", natural[0], natural[1]);
    write_file("pendulum_found.bin", natural, sizeof natural);
    return EXIT_SUCCESS;
}
