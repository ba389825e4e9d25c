/* Trains a classifier of handwritten digits in batches, and counts how many unseen digits it gets right. */

#include "support.h"

#include <string.h>

#include "digits.h"

enum { PIXELS = 64, CLASSES = 10 };

typedef struct sizes {
    int64_t train, test, epochs, batch;
} sizes;

typedef struct data {
    float *images;
    int64_t *labels;
} data;

static data new_data(int64_t count)
{
    data made;
    made.images = new_memory(count * PIXELS * (int64_t)sizeof(float));
    made.labels = new_memory(count * (int64_t)sizeof(int64_t));
    return made;
}

static data read_data(const char *images, const char *labels, int64_t count)
{
    const size_t n = (size_t)count;
    data made = new_data(count);
    read_file(images, made.images, n * PIXELS * sizeof(float));
    read_file(labels, made.labels, n * sizeof(int64_t));
    return made;
}

static void free_data(data d)
{
    free(d.images);
    free(d.labels);
}

/* Copies the images and labels of a batch from where they are to where they follow each other. */
static void gather(data from, const int64_t *rows, int64_t count, data to)
{
    for (int64_t i = 0; i < count; i++) {
        memcpy(to.images + i * PIXELS, from.images + rows[i] * PIXELS, PIXELS * sizeof(float));
        to.labels[i] = from.labels[rows[i]];
    }
}

/* Passes over the data in the given orders, and writes the loss of every batch to a file. */
static void train(const digits_params *params, const digits_state *state, sizes size)
{
    const int64_t batches = (size.train + size.batch - 1) / size.batch;
    const int64_t workspace_bytes = digits_step_workspace_bytes(size.batch);
    const size_t order_bytes = (size_t)(size.epochs * size.train) * sizeof(int64_t);
    const size_t losses_bytes = (size_t)(size.epochs * batches) * sizeof(float);
    data all = read_data("digits_train_images.bin", "digits_train_labels.bin", size.train);
    data batch = new_data(size.batch);
    int64_t *order = new_memory((int64_t)order_bytes);
    float *losses = new_memory((int64_t)losses_bytes), *loss = losses;
    void *workspace = new_memory(workspace_bytes);
    read_file("digits_order.bin", order, order_bytes);

    for (int64_t epoch = 0; epoch < size.epochs; epoch++) {
        double total = 0.0;
        for (int64_t start = 0; start < size.train; start += size.batch, loss++) {
            const int64_t count = start + size.batch <= size.train ? size.batch : size.train - start;
            gather(all, order + epoch * size.train + start, count, batch);
            /* The workspace for a whole batch is large enough for the last, smaller one. */
            int status = digits_step(count, params, state, batch.images, batch.labels, loss,
                                     workspace, workspace_bytes);
            if (status != DIGITS_OK)
                fail("digits_step", digits_step_message(status));
            total += *loss * (double)count;
        }
        if (epoch % 5 == 0)
            printf("epoch %2d  loss %.4f\n", (int)epoch, total / (double)size.train);
    }
    write_file("digits_losses.bin", losses, losses_bytes);

    free(workspace);
    free(losses);
    free(order);
    free_data(batch);
    free_data(all);
}

static int64_t index_of_largest(const float *scores)
{
    int64_t best = 0;
    for (int64_t i = 1; i < CLASSES; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

/* The share of the test images that are classified rightly. */
static double accuracy(const digits_params *params, int64_t count)
{
    const int64_t workspace_bytes = digits_predict_workspace_bytes(count);
    data test = read_data("digits_test_images.bin", "digits_test_labels.bin", count);
    float *scores = new_memory(count * CLASSES * (int64_t)sizeof(float));
    int64_t *predicted = new_memory(count * (int64_t)sizeof(int64_t));
    void *workspace = new_memory(workspace_bytes);
    int64_t right = 0;

    int status = digits_predict(count, params, test.images, scores, workspace, workspace_bytes);
    if (status != DIGITS_OK)
        fail("digits_predict", digits_predict_message(status));
    for (int64_t i = 0; i < count; i++) {
        predicted[i] = index_of_largest(scores + i * CLASSES);
        right += predicted[i] == test.labels[i];
    }
    write_file("digits_predicted.bin", predicted, (size_t)count * sizeof(int64_t));

    free(workspace);
    free(predicted);
    free(scores);
    free_data(test);
    return (double)right / (double)count;
}

int main(void)
{
    sizes size;
    digits_params_arrays *parameters = new_memory(sizeof *parameters);
    digits_state_arrays *moments = calloc(1, sizeof *moments); /* all zero before the first step */
    if (moments == NULL)
        fail("memory", "there is not enough");
    const digits_params params = digits_params_of(parameters);
    const digits_state state = digits_state_of(moments);

    read_file("digits_sizes.bin", &size, sizeof size);
    read_file("digits_params.bin", parameters, sizeof *parameters);
    train(&params, &state, size);
    write_file("digits_trained.bin", parameters, sizeof *parameters);
    printf("C:      accuracy %.2f%% on %d digits that were not trained on\n",
           100 * accuracy(&params, size.test), (int)size.test);

    free(moments);
    free(parameters);
    return EXIT_SUCCESS;
}
