/* Trains three linear layers by the exported step, as train_mlp.py does in Python. */

#include "support.h"

#include "mlp.h"

enum { POINTS = 10, INPUTS = 8, OUTPUTS = 3, EPOCHS = 100 };

int main(void)
{
    static mlp_params_arrays parameters; /* the weights and biases, and where the step finds them */
    static mlp_state_arrays counter;     /* the optimizer's, all zero before the first step */
    const mlp_params params = mlp_params_of(&parameters);
    const mlp_state state = mlp_state_of(&counter);
    static float inputs[POINTS * INPUTS], labels[POINTS * OUTPUTS];
    float losses[EPOCHS];

    read_file("mlp_params.bin", &parameters, sizeof parameters);
    read_file("mlp_inputs.bin", inputs, sizeof inputs);
    read_file("mlp_labels.bin", labels, sizeof labels);

    void *workspace = new_memory(MLP_STEP_WORKSPACE_BYTES);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        int status = mlp_step(&params, &state, inputs, labels, &losses[epoch],
                              workspace, MLP_STEP_WORKSPACE_BYTES);
        if (status != MLP_OK)
            fail("mlp_step", mlp_step_message(status));
        if (epoch % 20 == 0)
            printf("epoch %3d  loss %.6f\n", epoch, losses[epoch]);
    }
    free(workspace);

    printf("C:      loss %.6f after %d steps\n", losses[EPOCHS - 1], (int)counter.step);
    write_file("mlp_losses.bin", losses, sizeof losses);
    return EXIT_SUCCESS;
}
