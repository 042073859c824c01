// Runs the kernel of native/ops/cuda/images.cuh on the CPU over what a file says, and writes what it made to another.
//
// Usage: images <from> <to> [backwards]. The first file: int32 images, height, width, toHeight, toWidth, isFloat, jobs, steps; float32
// scale, mean[3], deviation[3]; for each job int32 index, top, left, height, width, flipped, and for each step int32 kind, float32 factor,
// rest; then the images' elements. The second: float32.
#include "emulator.h"

#include "../../../native/ops/cuda/images.cuh"

namespace {

using namespace dgsam::ops::cuda;

std::vector<char> contents;
size_t place = 0;

template <typename T>
T next() {
  T value;
  std::memcpy(&value, contents.data() + place, sizeof(T));
  place += sizeof(T);
  return value;
}

template <typename T>
void make(const ImageJobs<200>& jobs, unsigned count, float* to) {
  std::vector<T> images((contents.size() - place) / sizeof(T));
  std::memcpy(images.data(), contents.data() + place, images.size() * sizeof(T));
  emulator::Launch()(&makeTrainingImages<T, 200>, count, kImageThreads, jobs, images.data(), to);
}

}  // namespace

int main(int count, char** words) {
  emulator::backwards = count > 3;
  std::FILE* file = std::fopen(words[1], "rb");
  for (int each = std::fgetc(file); each != EOF; each = std::fgetc(file)) contents.push_back(static_cast<char>(each));
  std::fclose(file);
  ImageJobs<200> jobs{};
  next<int>();
  jobs.sizes.height = next<int>();
  jobs.sizes.width = next<int>();
  jobs.sizes.toHeight = next<int>();
  jobs.sizes.toWidth = next<int>();
  const bool isFloat = next<int>() != 0;
  const int made = next<int>(), steps = next<int>();
  jobs.scale = next<float>();
  for (float& each : jobs.mean) each = next<float>();
  for (float& each : jobs.deviation) each = next<float>();
  for (int i = 0; i < made; ++i) {
    ImageJob& job = jobs.of[i];
    job.index = next<int>();
    for (int* each : {&job.top, &job.left, &job.height, &job.width}) *each = next<int>();
    job.flipped = next<int>() != 0;
    job.steps = steps;
    for (int step = 0; step < steps; ++step) job.step[step] = {static_cast<ImageStep::Kind>(next<int>()), next<float>(), next<float>()};
  }
  std::vector<float> to(3 * static_cast<size_t>(made) * jobs.sizes.toHeight * jobs.sizes.toWidth, NAN);
  if (isFloat)
    make<float>(jobs, static_cast<unsigned>(made), to.data());
  else
    make<unsigned char>(jobs, static_cast<unsigned>(made), to.data());
  file = std::fopen(words[2], "wb");
  std::fwrite(to.data(), sizeof(float), to.size(), file);
  std::fclose(file);
}
