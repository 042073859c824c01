#include "environment.h"

#include <array>
#include <mutex>

#include "mapped_file.h"
#include "warnings.h"

namespace dgsam {
namespace {

// Environment numbers are part of every handle, so two living environments must never share one.
constexpr unsigned kMaxEnvironments = 256;
// A number comes back after at least 256 environments. Its slots then begin with other generations, so that handles of
// the dead environment stay dead; the multiplier spreads them over the lower half of the range.
constexpr uint32_t kFirstGenerations = uint32_t{1} << (kGenerationBits - 1);
constexpr uint32_t kSpread = 2654435761;
std::mutex idMutex;
std::array<bool, kMaxEnvironments> idsInUse{};
std::array<uint32_t, kMaxEnvironments> timesUsed{};
unsigned nextId = 0;

EnvironmentId takeId() {
  std::lock_guard<std::mutex> lock(idMutex);
  for (unsigned tried = 0; tried < kMaxEnvironments; ++tried) {
    const unsigned id = nextId;
    nextId = (nextId + 1) % kMaxEnvironments;
    if (!idsInUse[id]) {
      idsInUse[id] = true;
      return {id, 1 + timesUsed[id]++ * kSpread % kFirstGenerations};
    }
  }
  throw UsageError("ERR_STATE", "dgsam is loaded 256 times already; end some worker threads first");
}

void returnId(unsigned id) {
  std::lock_guard<std::mutex> lock(idMutex);
  idsInUse[id] = false;
}

// Smaller storages are not worth a hash-map entry on the path of every operator: V8 sees their JavaScript objects.
constexpr size_t kTrackedStorageBytes = 64 * 1024;
// A file of whatever size whose bytes the system can have back: V8 could free a descriptor and addresses.
constexpr int64_t kMappedFileBytes = 256 * 1024;
// V8 takes each report as a hint to collect, so changes are gathered.
constexpr int64_t kReportBytes = 4 * 1024 * 1024;

const c10::StorageImpl* trackedStorage(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.has_storage() || !(tensor.device().is_cpu() || tensor.device().is_cuda())) return nullptr;
  const c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  return storage->nbytes() >= kTrackedStorageBytes ? storage : nullptr;
}

// What V8 is told of.
int64_t burdenOf(const c10::StorageImpl& storage) {
  return isSharedMapping(storage.data_ptr()) ? kMappedFileBytes : static_cast<int64_t>(storage.nbytes());
}

}  // namespace

Environment::Environment(Napi::Env env, const Napi::Function& errorFactory, const Napi::Function& warningSink)
    : id_(takeId()),
      generators(id_.number, id_.firstGeneration, "generator"),
      programs(id_.number, id_.firstGeneration, "captured program"),
      events(id_.number, id_.firstGeneration, "event"),
      graphs(id_.number, id_.firstGeneration, "graph"),
      scripts(id_.number, id_.firstGeneration, "script"),
      makeError(Napi::Persistent(errorFactory)),
      warn(Napi::Persistent(warningSink)),
      env_(env),
      tensors_(id_.number, id_.firstGeneration, "tensor") {}

Environment::~Environment() {
  while (!inferenceModes.empty()) inferenceModes.pop_back();
  while (!autocastModes.empty()) autocastModes.pop_back();
  while (!enteredStreams.empty()) enteredStreams.pop_back();
  dropWarnings();
  returnId(id_.number);
}

size_t Environment::bind(const c10::OperatorHandle& handle) {
  const auto [found, isNew] = operatorIndices_.try_emplace(handle.operator_name(), operators.size());
  if (isNew) operators.push_back(std::make_unique<BoundOperator>(handle));
  return found->second;
}

Handle Environment::hold(at::Tensor tensor) {
  const Handle handle = tensors_.insert({std::move(tensor)});
  // V8 would collect garbage several times in a forward pass of some gigabytes, of which it could free nothing.
  if (inScope == nullptr || *inScope == 0) count(tensors_.at(handle));
  return handle;
}

void Environment::leaveToCollector(Handle handle) {
  HeldTensor& held = tensors_.at(handle);
  if (held.storage == nullptr) count(held);
}

void Environment::count(HeldTensor& held) {
  const c10::StorageImpl* storage = trackedStorage(held.tensor);
  if (storage == nullptr) return;
  held.storage = storage;
  // set_() and resize_() may change a tensor's storage later: each tensor counts under the storage it had then, for as many bytes as
  // that had when it was first seen, so that what is added is what is taken away.
  StorageUse& use = storages_.try_emplace(storage, StorageUse{0, burdenOf(*storage)}).first->second;
  if (use.tensors++ == 0) reportMemory(use.bytes);
}

bool Environment::release(Handle handle) {
  HeldTensor held;
  if (!tensors_.release(handle, held)) return false;
  if (held.storage != nullptr) {
    const auto found = storages_.find(held.storage);
    if (found != storages_.end() && --found->second.tensors == 0) {
      reportMemory(-found->second.bytes);
      storages_.erase(found);
    }
  }
  return true;
}

void Environment::reportMemory(int64_t change) {
  unreported_ += change;
  if (unreported_ < kReportBytes && unreported_ > -kReportBytes) return;
  Napi::MemoryManagement::AdjustExternalMemory(env_, unreported_);
  unreported_ = 0;
}

}  // namespace dgsam
