#include "rates.h"

#include "rows.h"

namespace dgsam::ops {
namespace {

void checkScalar(const char* name, const char* argument, const at::Tensor& tensor, at::ScalarType type) {
  TORCH_CHECK(tensor.defined() && tensor.scalar_type() == type && tensor.dim() == 0 && isPlain(tensor), "dgsam::", name, ": expected a ",
              type == at::kDouble ? "float64" : "float32", " scalar in '", argument, "', got ",
              tensor.defined() ? tensor.scalar_type() : at::ScalarType::Undefined, " of shape ", tensor.defined() ? tensor.sizes() : at::IntArrayRef());
}

}  // namespace

bool isGiven(const OptionalTensor& tensor) { return tensor.has_value() && tensor->defined(); }

void checkRate(const char* name, const char* argument, const at::Tensor& rate) { checkScalar(name, argument, rate, at::kDouble); }

void checkFlag(const char* name, const char* argument, const at::Tensor& flag) { checkScalar(name, argument, flag, at::kFloat); }

double rateOf(const char* name, double lr, const OptionalTensor& rate) {
  if (!isGiven(rate)) return lr;
  checkRate(name, "rate", *rate);
  return rate->item<double>();
}

bool isLeftOut(const char* name, const OptionalTensor& foundInf) {
  if (!isGiven(foundInf)) return false;
  checkFlag(name, "found_inf", *foundInf);
  return foundInf->item<float>() == 1;
}

}  // namespace dgsam::ops
