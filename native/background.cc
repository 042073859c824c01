#include "background.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <exception>
#include <memory>
#include <utility>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "mapped_file.h"
#include "operator_call.h"

namespace dgsam {
namespace {

// A thread that opens a parallel region gets a team of its own, beside that of the steps: more threads than cores.
void stayOnThisThread() {
#ifdef _OPENMP
  // LibTorch sets the number of a thread when it first asks for it.
  at::get_num_threads();
  omp_set_num_threads(1);
#endif
}

class BackgroundCall : public Napi::AsyncWorker {
 public:
  BackgroundCall(Environment& environment, const BoundOperator& bound, std::vector<c10::IValue> stack)
      : Napi::AsyncWorker(environment.env(), "dgsam"),
        environment_(environment),
        bound_(bound),
        stack_(std::move(stack)),
        result_(Napi::Promise::Deferred::New(environment.env())) {}

  Napi::Promise promise() const { return result_.Promise(); }

 protected:
  void Execute() override {
    try {
      stayOnThisThread();
      const at::NoGradGuard noGrad;
      bound_.handle.callBoxed(stack_);
      checkMappedFiles();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  void OnOK() override {
    try {
      if (failure_) std::rethrow_exception(failure_);
      result_.Resolve(Napi::Number::New(Env(), environment_.hold(std::move(stack_.front()).toTensor())));
    } catch (...) {
      result_.Reject(toJavaScriptError(environment_.makeError.Value(), Env(), bound_.name).Value());
    }
  }

 private:
  Environment& environment_;
  const BoundOperator& bound_;
  std::vector<c10::IValue> stack_;
  std::exception_ptr failure_;
  Napi::Promise::Deferred result_;
};

// Frame: a call (operator_call.h) -> a promise of the handle of its result, one tensor.
Napi::Value callInBackground(Environment& environment, const Napi::CallbackInfo&) {
  std::vector<c10::IValue> stack;
  FrameReader reader(environment);
  const OperatorCall operatorCall(environment, reader, stack);
  const BoundOperator& bound = operatorCall.bound();
  bool fits = bound.guard == nullptr && bound.returns.size() == 1 && bound.returns[0].type.kind == Kind::Tensor && bound.returns[0].aliasedArgument < 0;
  for (const BoundArgument& argument : bound.arguments) fits &= !argument.written;
  if (!fits) throw UsageError("ERR_ARGUMENT", "only operators that make one new tensor and write to none run in the background");
  capture::refuseRecording("an operator runs in the background");
  auto call = std::make_unique<BackgroundCall>(environment, bound, std::move(stack));
  const Napi::Promise promise = call->promise();
  call->Queue();
  // It deletes itself when it is done.
  call.release();
  return promise;
}

}  // namespace

void registerBackground(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "callInBackground", guardedEntry<callInBackground>);
}

}  // namespace dgsam
