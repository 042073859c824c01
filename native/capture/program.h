// A tape made ready to run: what is known beforehand is done, what comes next is a list of calls.
#pragma once

#include <c10/util/accumulate.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "instruction.h"
#include "light.h"
#include "modes.h"
#include "tape.h"

namespace dgsam::capture {

using Segment = std::vector<Instruction>;

class Program {
 public:
  // `inputs` are the caller's tensors that the tape was recorded with.
  Program(Tape tape, const std::vector<at::Tensor>& inputs);

  // Yes: a run with these inputs does what the function would do. No: other inputs or modes. Stale: what it uses is not what
  // it was. Never: the inputs share memory with each other or with that, of which a tape knows nothing.
  enum class Fit { Yes, No, Stale, Never };
  Fit fits(const std::vector<at::Tensor>& inputs) const;

  const Tape& tape() const { return tape_; }
  // Where the gradients of leaves go; of a leaf that is an input, to that.
  std::vector<at::Tensor> leaves(const std::vector<at::Tensor>& inputs) const;
  // Those that are no inputs.
  std::vector<at::Tensor> leaves() const;
  bool uses(const at::Tensor& tensor) const;
  // Whether all of some tensors that require gradients get them from a loss of these inputs.
  bool reaches(at::TensorList tensors, const std::vector<at::Tensor>& inputs) const;
  // The tensors outside of the function that it uses, and those among them that it writes to; without inputs.
  std::vector<at::Tensor> used() const;
  std::vector<at::Tensor> written() const;

  bool writesToInputs() const;
  // Whether calls take or make tensors in the host's memory, but for constants and for seeds that are there outside of graphs alone.
  bool computesOnCpu() const;
  // The first operator of which something holds; empty where there is none.
  std::string operatorThat(bool (*holds)(const c10::OperatorHandle&)) const;

  std::unique_ptr<Frame> begin(const std::vector<at::Tensor>& inputs);
  // Gives a frame back for the next run. With `keeps`, which light programs may, with all that they made.
  void end(std::unique_ptr<Frame> frame, bool keeps = false);
  // The function. When a call fails, what it wrote outside of the function is undone.
  void runForward(Frame& frame);
  std::vector<at::Tensor> takeOutputs(const Frame& frame) const;
  // The gradients of the leaves, undefined where there is none; `seeds`: one of each differentiable output, undefined where
  // nothing comes from it. What the frame holds is used up.
  std::vector<at::Tensor> runBackward(Frame& frame, const std::vector<at::Tensor>& seeds);
  // Whether a differentiable output is a single real number.
  bool isRealNumber(size_t differentiable) const {
    return c10::multiply_integers(seeds_[differentiable].sizes) == 1 && !c10::isComplexType(seeds_[differentiable].dtype);
  }
  // Whether the gradient of a leaf is nobody else's memory.
  bool isOwnGradient(size_t leaf) const { return ownGradients_[leaf]; }
  // Tensors of others, of inputs, outputs and what lies outside, in whose memory lies what the differentiation reads.
  const std::vector<Slot>& readByBackward() const { return readByBackward_; }

  // Whether it is a light program that gives one loss; what follows is for these.
  bool isLight() const { return isLight_; }
  // Finds out how it may be run with as many threads as LibTorch has now, if that is not known.
  void prepare(const std::vector<at::Tensor>& inputs);
  bool isPrepared() const;
  // Whether a part of it may be run beside other programs.
  bool separates() const { return light_->separates; }
  void runForwardLightly(Frame& frame, Part part);
  void runBackwardLightly(Frame& frame, const at::Tensor& seed, Part part);
  std::vector<at::Tensor> gradients(const Frame& frame) const;

  // The operator whose call failed last; null when none did.
  const std::string* failed() const { return failed_; }

 private:
  struct Signature {
    explicit Signature(const at::Tensor& tensor);
    bool fits(const at::Tensor& tensor) const;
    std::vector<int64_t> sizes, strides;
    int64_t offset;
    at::ScalarType dtype;
    at::Device device;
    bool requiresGrad, conjugate, negative;
  };
  // Held weakly: what JavaScript has disposed of is gone, and must not live on in programs.
  using WeakTensor = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  struct Outside {
    Slot slot;
    WeakTensor tensor;
    const void* storage;
    Signature signature;
  };

  struct Bump {
    Slot slot;
    uint32_t times;
  };

  void rememberOutside();
  void findWrites();
  void findReturned();
  void findViews();
  void hoist(std::vector<Call>& calls);
  bool isHoistable(const Call& call) const;
  Segment compile(const std::vector<Call>& calls, std::vector<bool> needed) const;
  bool isOwn(const Call& call) const;
  void findPassing();
  void findLent();
  void takeBack(Frame& frame) const;
  void findOwnGradients();
  bool isStanding(Slot slot) const { return isStanding_[slot]; }
  void letGoOfOutside();
  void run(const Segment& segment, Frame& frame);

  Tape tape_;
  const Modes modes_;
  std::vector<Signature> inputs_;
  std::vector<Outside> outside_;
  // The program's own tensors: constants, and what was made of them and of the memory outside once and for all.
  Frame standing_;
  // By slot: whether it is one of these, or comes from outside.
  std::vector<bool> isStanding_;
  std::vector<WeakTensor> leaves_;
  // By memory: whether the tape writes to it, and whether some of it comes from outside of the run.
  std::vector<bool> isWritten_;
  std::vector<bool> isOutside_;
  // Whether the caller gets some of it, as an output or a gradient, and may write to it; and by slot, whether it is written to.
  std::vector<bool> isReturned_;
  std::vector<bool> isWrittenSlot_;
  Segment forward_;
  std::vector<Segment> backwards_;
  // Memory outside of the function that it writes to, and room for what was there; how often autograd is told of it.
  std::vector<Slot> written_;
  std::vector<Bump> bumps_;
  std::vector<at::Tensor> before_;
  std::vector<Slot> readByBackward_;
  // Outputs that lie in the memory of another tensor of the caller's, and that tensor.
  std::vector<std::pair<Slot, Slot>> views_;
  std::vector<Signature> seeds_;
  // By leaf.
  std::vector<bool> ownGradients_;
  // Those in the memory of a gradient that is nobody else's, of each such gradient.
  std::vector<std::vector<Slot>> lent_;
  // Not to be kept between runs: what lies in memory from outside.
  std::vector<Slot> passing_;
  std::vector<std::unique_ptr<Frame>> spare_;
  bool isLight_ = false;
  struct Light {
    int threads;
    Ways forward, backward;
    bool separates;
  };
  std::optional<Light> light_;
  std::atomic<const std::string*> failed_{nullptr};
};

}  // namespace dgsam::capture
