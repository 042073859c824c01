#include "geometry.h"

namespace dgsam::capture {

Geometry::Geometry(const at::Tensor& tensor)
    : sizes(tensor.sizes().begin(), tensor.sizes().end()),
      strides(tensor.strides().begin(), tensor.strides().end()),
      offset(tensor.storage_offset()),
      dtype(tensor.scalar_type()),
      conjugate(tensor.is_conj()),
      negative(tensor.is_neg()) {}

bool Geometry::operator==(const Geometry& other) const {
  return sizes == other.sizes && strides == other.strides && offset == other.offset && dtype == other.dtype &&
         conjugate == other.conjugate && negative == other.negative;
}

namespace {

at::Tensor viewOf(const at::Tensor& base, at::IntArrayRef sizes, at::IntArrayRef strides, int64_t offset) {
  at::Tensor view = at::detail::make_tensor<c10::TensorImpl>(c10::TensorImpl::VIEW, c10::Storage(base.storage()), base.key_set(), base.dtype());
  view.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides, base.storage_offset() + offset);
  return view;
}

}  // namespace

at::Tensor View::of(const at::Tensor& base) const { return viewOf(base, sizes, strides, offset); }

at::Tensor aliasOf(const at::Tensor& tensor) { return viewOf(tensor, tensor.sizes(), tensor.strides(), 0); }

}  // namespace dgsam::capture
