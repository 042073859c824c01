#include "file_reading.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

namespace dgsam {
namespace {

struct Free {
  void operator()(uint8_t* data) const { std::free(data); }
};
using Memory = std::unique_ptr<uint8_t, Free>;

constexpr off_t kLimit = off_t{1} << 31;

// How many bytes came; fewer than `size` where the file ends before, or cannot be read.
size_t readSome(int descriptor, uint8_t* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t count = read(descriptor, data + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

class FileReading : public Napi::AsyncWorker {
 public:
  FileReading(Napi::Env env, std::string path)
      : Napi::AsyncWorker(env, "dgsam"), path_(std::move(path)), result_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return result_.Promise(); }

 protected:
  void Execute() override {
    // No file has a name with a zero in it, but what comes before may be one. A pipe is not touched: its writer would see somebody come and go.
    struct stat status = {};
    if (path_.find('\0') != std::string::npos || stat(path_.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
    // Should it be another one by now: opening a named pipe would wait for somebody to write.
    const int descriptor = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return;
    readWhole(descriptor);
    close(descriptor);
  }

  void OnOK() override {
    if (data_ == nullptr) return result_.Resolve(Env().Null());
    uint8_t* const data = data_.get();
    // The memory is freed also where JavaScript can run no more, and nothing is made of it.
    result_.Resolve(Napi::Buffer<uint8_t>::NewOrCopy(Env(), data, size_, [held = std::move(data_)](Napi::BasicEnv, uint8_t*) {}));
  }

 private:
  void readWhole(int descriptor) {
    struct stat status = {};
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 || status.st_size >= kLimit) return;
    size_ = static_cast<size_t>(status.st_size);
    Memory data(static_cast<uint8_t*>(std::malloc(size_)));
    if (data == nullptr || readSome(descriptor, data.get(), size_) < size_) return;
    // One that grows meanwhile.
    uint8_t more;
    if (readSome(descriptor, &more, 1) == 0) data_ = std::move(data);
  }

  const std::string path_;
  Memory data_;
  size_t size_ = 0;
  Napi::Promise::Deferred result_;
};

// readFileInBackground(path) -> a promise of its bytes, in a Buffer of their own; of null for what is no regular file with something in it, of less than
// 2 GiB, that lies still and may be read.
Napi::Value readFileInBackground(Environment&, const Napi::CallbackInfo& info) {
  auto reading = std::make_unique<FileReading>(info.Env(), stringArgument(info, 0));
  const Napi::Promise promise = reading->promise();
  reading->Queue();
  // It deletes itself when it is done.
  reading.release();
  return promise;
}

}  // namespace

void registerFileReading(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "readFileInBackground", guardedEntry<readFileInBackground>);
}

}  // namespace dgsam
