#include "kernels.h"

#include <ATen/Version.h>

#include <string>

namespace dgsam::ops {
namespace {

#define DGSAM_LOOPS "loops.inc"
#include "instruction_sets.inc"

struct Table {
  Kernels byElement[4];
};

Table makeTable() {
  Kernels (*const make)(Element) = DGSAM_FOR_PROCESSOR(kernelsOf);
  return {{make(Element::Float), make(Element::Double), make(Element::BFloat16), make(Element::Half)}};
}

}  // namespace

const Kernels& kernels(Element element) {
  static const Table table = makeTable();
  return table.byElement[static_cast<int>(element)];
}

}  // namespace dgsam::ops
