#include <c10/util/StringUtil.h>

#include "guard_rooms.h"

namespace dgsam {
namespace {

// The hidden states, one tensor or two, of `batch` sequences.
void states(const Arguments& arguments, int64_t batch) {
  const c10::IValue* value = arguments.find("hx");
  const std::vector<at::Tensor> list = value->isTensor() ? std::vector<at::Tensor>{value->toTensor()} : value->toTensorVector();
  const int64_t layers = arguments.integer("num_layers") * (arguments.flag("bidirectional") ? 2 : 1);
  for (const at::Tensor& each : list)
    if (each.dim() != 3 || each.size(0) != layers || each.size(1) != batch)
      arguments.refuse("ERR_SHAPE", "hx", c10::str("expected shape [", layers, ", ", batch, ", hidden size], got ", describe(each)));
}

void packedBatches(const Arguments& arguments, const char* data) {
  arguments.dims("batch_sizes", 1);
  const at::Tensor sizes = arguments.tensor("batch_sizes");
  arguments.dtype("batch_sizes", at::kLong);
  arguments.expect(sizes.numel() > 0, "ERR_SHAPE", "batch_sizes", "at least one element, got " + describe(sizes));
  if (!sizes.device().is_cpu()) arguments.refuse("ERR_DEVICE", "batch_sizes", "expected a tensor on the CPU");
  arguments.lookAtValues();
  arguments.values("batch_sizes", 1, sizes[0].item<int64_t>());
  const int64_t total = sizes.sum().item<int64_t>();
  const at::Tensor rows = arguments.tensor(data);
  if (rows.dim() < 1 || rows.size(0) != total)
    arguments.refuse("ERR_SHAPE", data, c10::str("expected the sum of 'batch_sizes', ", total, ", as its first size, got ", describe(rows)));
}

void padded(const Arguments& arguments) { packedBatches(arguments, "data"); }

void recurrent(const Arguments& arguments) {
  if (arguments.has("batch_sizes")) {
    packedBatches(arguments, "data");
    states(arguments, arguments.tensor("batch_sizes")[0].item<int64_t>());
  } else {
    arguments.dims("input", 3);
    states(arguments, arguments.tensor("input").size(arguments.flag("batch_first") ? 0 : 1));
  }
}

void twoStates(const Arguments& arguments) { arguments.length("hx", 2); }

// Gates of all kinds side by side: [batch, kinds * hidden].
template <int Kinds>
void cellBackward(const Arguments& arguments) {
  const at::Tensor gates = arguments.tensor("input_gates");
  arguments.expect(gates.dim() == 2 && gates.size(1) % Kinds == 0, "ERR_SHAPE", "input_gates",
                   c10::str("shape [batch, ", Kinds, " * hidden size], got ", describe(gates)));
  arguments.expect(gates.is_floating_point(), "ERR_DTYPE", "input_gates", "a floating-point dtype, got " + describe(gates));
  arguments.sameSizes({"input_gates", "hidden_gates"});
  const std::vector<int64_t> state = {gates.size(0), gates.size(1) / Kinds};
  for (const char* name : {"grad_hy", "grad_cy", "hx", "cx", "cy"}) arguments.sizes(name, state);
  for (const char* name : {"input_bias", "hidden_bias"}) arguments.numel(name, gates.size(1));
  arguments.sameDtype({"input_gates", "hidden_gates", "grad_hy", "grad_cy", "hx", "cx", "cy", "input_bias", "hidden_bias"});
  if (!arguments.firstOf({"grad_hy", "grad_cy"}).defined()) arguments.defined("grad_hy", "or 'grad_cy'");
}

// oneDNN's layer reads weights and states by the sizes it is told: one direction of one layer, as `lstm` splits its own.
void mkldnnLayer(const Arguments& arguments) {
  constexpr int64_t kLstm = 2;
  arguments.between("mode", kLstm, kLstm);
  arguments.between("num_layers", 1, 1);
  arguments.length("batch_sizes", 0);
  arguments.expect(!arguments.flag("bidirectional"), "ERR_ARGUMENT", "bidirectional", "false, since a layer runs in one direction, got true");
  for (const char* name : {"input", "weight0", "weight1", "weight2", "weight3", "hx_", "cx_"}) {
    arguments.strided(name);
    arguments.dtype(name, at::kFloat);
  }
  arguments.dims("input", 3);
  const at::Tensor input = arguments.tensor("input");
  arguments.expect(input.numel() > 0, "ERR_SHAPE", "input", "at least one element, got " + describe(input));
  const int64_t hidden = arguments.integer("hidden_size");
  arguments.between("hidden_size", 1, int64_t{1} << 28);
  arguments.sizes("weight0", {4 * hidden, input.size(2)});
  arguments.sizes("weight1", {4 * hidden, hidden});
  if (arguments.flag("has_biases"))
    for (const char* name : {"weight2", "weight3"}) arguments.sizes(name, {4 * hidden});
  for (const char* name : {"hx_", "cx_"}) arguments.sizes(name, {1, input.size(1), hidden});
}

}  // namespace

std::vector<Guard> recurrentGuards() {
  return {
      {"lstm gru rnn_tanh rnn_relu", "hidden states for each layer and sequence; packed batch sizes that add up", recurrent},
      {"_pad_packed_sequence", "packed batch sizes that add up", padded},
      {"quantized_lstm_cell lstm_cell", "two hidden states", twoStates},
      {"mkldnn_rnn_layer", "one direction of one float32 LSTM layer; weights and states of its sizes", mkldnnLayer},
      {"_thnn_differentiable_lstm_cell_backward", "gates [batch, 4 * hidden], states [batch, hidden], one dtype", cellBackward<4>},
      {"_thnn_differentiable_gru_cell_backward", "gates [batch, 3 * hidden], states [batch, hidden], one dtype", cellBackward<3>},
  };
}

}  // namespace dgsam
