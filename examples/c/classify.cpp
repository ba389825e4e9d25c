// Scores images of digits: weights stay in their file, which the system maps into memory.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classifier.h"

namespace {

constexpr std::int64_t pixels = 64, classes = 10;

// A file in memory, read when it is touched. It begins at a page: more than the 64 bytes that are asked for.
class MappedFile {
public:
    explicit MappedFile(const std::string &name)
    {
        const int file = ::open(name.c_str(), O_RDONLY);
        struct stat status;
        if (file >= 0 && ::fstat(file, &status) == 0) {
            size_ = static_cast<std::size_t>(status.st_size);
            data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
        }
        if (file >= 0)
            ::close(file);
        if (data_ == MAP_FAILED)
            throw std::runtime_error(name + " cannot be mapped; run classify.py first");
    }
    MappedFile(const MappedFile &) = delete;
    MappedFile &operator=(const MappedFile &) = delete;
    ~MappedFile() { ::munmap(data_, size_); }

    const void *data() const { return data_; }
    std::int64_t size() const { return static_cast<std::int64_t>(size_); }

private:
    void *data_ = MAP_FAILED;
    std::size_t size_ = 0;
};

// Memory that is aligned as workspaces must be.
class Workspace {
public:
    explicit Workspace(std::int64_t bytes) : size_(bytes)
    {
        if (bytes < 0)
            throw std::length_error("these sizes are impossible");
        memory_.reset(::operator new(static_cast<std::size_t>(bytes), alignment));
    }
    void *data() const { return memory_.get(); }
    std::int64_t size() const { return size_; }

private:
    static constexpr std::align_val_t alignment{64};
    struct Free {
        void operator()(void *memory) const { ::operator delete(memory, alignment); }
    };
    std::unique_ptr<void, Free> memory_;
    std::int64_t size_;
};

std::vector<float> read_floats(const std::string &name)
{
    std::ifstream file(name, std::ios::binary | std::ios::ate);
    if (!file)
        throw std::runtime_error(name + " cannot be opened; run classify.py first");
    const std::streamsize bytes = file.tellg();
    std::vector<float> values(static_cast<std::size_t>(bytes) / sizeof(float));
    file.seekg(0);
    if (!file.read(reinterpret_cast<char *>(values.data()), bytes))
        throw std::runtime_error(name + " cannot be read");
    return values;
}

void write_floats(const std::string &name, const std::vector<float> &values)
{
    std::ofstream file(name, std::ios::binary);
    file.write(reinterpret_cast<const char *>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(float)));
    if (!file.flush())
        throw std::runtime_error(name + " cannot be written");
}

// One score for each image and class.
std::vector<float> scores_of(const std::vector<float> &images, const MappedFile &weights)
{
    const auto count = static_cast<std::int64_t>(images.size()) / pixels;
    const Workspace workspace(classifier_workspace_bytes(count));
    std::vector<float> scores(static_cast<std::size_t>(count * classes));
    const int status = classifier(count, images.data(), scores.data(), weights.data(), weights.size(),
                                  workspace.data(), workspace.size());
    if (status != CLASSIFIER_OK)
        throw std::runtime_error(classifier_message(status));
    return scores;
}

} // namespace

int main()
{
    try {
        const MappedFile weights("classifier.safetensors");
        const std::vector<float> scores = scores_of(read_floats("classifier_images.bin"), weights);
        write_floats("classifier_scores.bin", scores);
        std::printf("C++:    %zu images scored\n", scores.size() / static_cast<std::size_t>(classes));
        return EXIT_SUCCESS;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return EXIT_FAILURE;
    }
}
