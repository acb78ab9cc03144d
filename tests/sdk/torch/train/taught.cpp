#include "tests/sdk/torch/train/taught.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/randn.h>

#include <algorithm>

#include "core/zero/layout.hpp"
#include "tests/sdk/torch/plugins.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"
#include "torch/train/trainer.hpp"

namespace strata::torch::test {

namespace {

source::Tensor dense(const plugin::DeclaredWeight& weight, int64_t, int64_t) {
  source::Tensor tensor;
  tensor.name = weight.name;
  tensor.shape = weight.shape;
  tensor.stored = source::dense_form({STRATA_FLOAT, 64, 1}, weight.shape);
  return tensor;
}

std::byte* data(const at::Tensor& memory) { return static_cast<std::byte*>(memory.data_ptr()); }

}  // namespace

zero::Unit products_unit(const train::Products& products) {
  zero::Unit unit;
  unit.name = "products";
  unit.weights.resize(2 * products.all.size());
  const auto put = [&](uint32_t index, const std::string& name, std::vector<int64_t> shape) {
    auto& w = unit.weights.at(index);
    w.name = name;
    w.run = source::dense_form({STRATA_FLOAT, 32, 1}, shape);
    w.shape = std::move(shape);
  };
  for (const auto& [module, rank, scale, a, b] : products.all) {
    put(a, module.name + ".A", {int64_t{module.experts}, rank, module.in});
    put(b, module.name + ".B", {int64_t{module.experts}, module.out, rank});
  }
  for (auto& w : unit.weights) {
    w.run.at = unit.run_bytes;
    unit.run_bytes += (w.run.bytes + 255) / 256 * 256;
  }
  return unit;
}

// The experts in the units' own memory, with gradients that are added to the sums.
struct Taught::Brought : run::Experts {
  explicit Brought(Taught& of) : taught(of) {}
  void need(uint32_t declared, std::span<const uint32_t> experts) override {
    wanted.clear();
    for (const auto e : experts)
      for (std::size_t u = 0; u < taught.units_.size(); ++u)
        if (taught.units_[u].declared == declared && taught.units_[u].expert == e)
          wanted.push_back(u);
    at = 0;
  }
  Expert take() override {
    finish();
    const auto u = wanted.at(at++);
    return {&taught.units_[u], data(taught.memory_[u])};
  }
  std::byte* gradients() override {
    const auto& unit = taught.units_[wanted.at(at - 1)];
    if (taught.options_.frozen(unit)) return nullptr;
    flat = train::flat_of(unit);
    memory = taught.unwritten(flat, 0);
    open = &unit;
    return data(memory);
  }
  // Takes the gradients of the expert before.
  void finish() {
    if (open) taught.take(*open, flat, memory);
    open = nullptr;
  }

  Taught& taught;
  std::vector<std::size_t> wanted;
  std::size_t at = 0;
  const zero::Unit* open = nullptr;
  train::Flat flat;
  at::Tensor memory;
};

Taught::Taught(const plugin::Family& family, const strata_host* host, TaughtOptions options)
    : family_(family), options_(std::move(options)), device_(device_of(options_.device)) {
  // It opens the device.
  train::TrainerOptions trainer;
  trainer.compute.family = &family;
  trainer.compute.host = host;
  trainer.compute.attention = strata::test::attention_table(options_.attention);
  trainer.compute.attention_name = options_.attention;
  trainer.compute.dtype = options_.dtype;
  trainer.compute.devices = {options_.device};
  trainer.reduce = options_.reduce;
  trainer.loss_rows = options_.loss_rows;
  trainer.router_coefficient = options_.router_coefficient;
  trainer.products = options_.products;
  trainer_ = std::make_unique<TorchTrainer>(trainer);
  brought_ = std::make_unique<Brought>(*this);
  trainer_->use(*brought_);
  units_ = zero::lay_out(family.units(), dense, {.dtype = options_.dtype, .rows = options_.rows});
  const auto type = scalar_type(options_.dtype);
  for (std::size_t u = 0; u < units_.size(); ++u) {
    memory_.push_back(bytes(units_[u].run_bytes));
    for (const auto& w : units_[u].weights) {
      const auto value = at::randn(w.shape, at::kDouble).mul(0.3).add(w.shape.size() == 1 ? 1 : 0);
      if (w.is_held())
        weight(u, w).copy_(value);
      else if (w.role == STRATA_TABLE && !units_[u].is_expert())
        table_ = value.to(device_, type);
    }
  }
  make_products();
}

void Taught::make_products() {
  if (options_.products.all.empty()) return;
  products_ = products_unit(options_.products);
  product_memory_ = bytes(products_.run_bytes);
  for (const auto& w : products_.weights)
    product_weight(w).copy_(at::randn(w.shape, at::kDouble).mul(0.3));
  trainer_->use_products(products_, data(product_memory_));
}

Taught::~Taught() = default;

at::Tensor Taught::bytes(uint64_t count) const {
  return at::full({static_cast<int64_t>(count)}, 0xff,
                  at::TensorOptions().dtype(at::kByte).device(device_));
}

at::Tensor Taught::weight(std::size_t unit, const zero::Weight& w) const {
  return borrowed(data(memory_[unit]) + w.run.at, w.shape, scalar_type(options_.dtype), device_);
}

at::Tensor Taught::product_weight(const zero::Weight& w) const {
  return borrowed(data(product_memory_) + w.run.at, w.shape, at::kFloat, device_);
}

std::map<std::string, at::Tensor> Taught::weights() const {
  std::map<std::string, at::Tensor> out;
  for (const auto& w : products_.weights)
    out[w.name] = product_weight(w).to(at::kCPU, at::kDouble, false, true);
  for (std::size_t u = 0; u < units_.size(); ++u)
    for (const auto& w : units_[u].weights) {
      if (w.is_held())
        out[w.name] = weight(u, w).to(at::kCPU, at::kDouble, false, true);
      else if (w.role == STRATA_TABLE && !units_[u].is_expert())
        out[w.name] = table_.to(at::kCPU, at::kDouble, false, true);
    }
  return out;
}

void Taught::set(const std::string& name, const at::Tensor& value) {
  for (const auto& w : products_.weights)
    if (w.name == name) product_weight(w).copy_(value);
  for (std::size_t u = 0; u < units_.size(); ++u)
    for (const auto& w : units_[u].weights)
      if (w.name == name && w.is_held())
        weight(u, w).copy_(value);
      else if (w.name == name && w.role == STRATA_TABLE && !units_[u].is_expert())
        table_.copy_(value);
}

// Memory whose every element is a NaN.
at::Tensor Taught::unwritten(const train::Flat& flat, uint64_t tokens) const {
  return bytes((flat.rows + tokens * flat.row_width) * options_.reduce.bits / 8);
}

void Taught::begin(const Rows& rows, const train::StepSettings& settings) {
  ids_.clear();
  std::vector<run::Sequence> sequences;
  std::vector<int64_t> targets;
  std::vector<float> weights;
  for (std::size_t r = 0; r < rows.ids.size(); ++r) {
    const auto count = static_cast<uint32_t>(rows.ids[r].size());
    sequences.push_back({static_cast<uint32_t>(r), 0, count, count});
    ids_.insert(ids_.end(), rows.ids[r].begin(), rows.ids[r].end());
    targets.insert(targets.end(), rows.targets[r].begin(), rows.targets[r].end());
    weights.insert(weights.end(), rows.weights[r].begin(), rows.weights[r].end());
  }
  tokens_ = ids_.size();
  trainer_->begin({ids_, sequences, rows.numbers, targets, weights}, settings);
  if (!options_.rows) return;
  const auto given =
      table_.index_select(0, at::tensor(ids_, at::kInt).to(device_, at::kLong)).contiguous();
  trainer_->rows(units_[0].weights[0], data(given), false);
}

void Taught::record(std::size_t unit) {
  const auto flat = options_.frozen(units_[unit]) ? train::Flat{} : train::flat_of(units_[unit]);
  slots_.push_back(memory_[unit].clone());
  trainer_->record(units_[unit], flat, data(slots_.back()));
  slots_.back().fill_(0xff);
}

void Taught::backward(std::size_t unit, std::byte* gradients) {
  const auto slot = memory_[unit].clone();
  trainer_->backward(units_[unit], data(slot), gradients);
  slot.fill_(0xff);
}

void Taught::forward(std::vector<at::Tensor>* kept) {
  const auto width = family_.units()[0].weights[0].shape[1];
  const auto each = tokens_ * static_cast<uint64_t>(width) * options_.dtype.bits / 8;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    if (units_[u].is_expert() || units_[u].kind == STRATA_UNIT_HEAD) continue;
    const bool first = units_[u].kind == STRATA_UNIT_EMBEDDING;
    if (kept && options_.graphs) {
      record(u);
      continue;
    }
    if (kept && !first) (*kept)[u] = bytes(each);
    trainer_->run(units_[u], data(memory_[u]), first || !kept ? nullptr : data((*kept)[u]));
  }
  if (!kept) return;
  kept->back() = bytes(each);
  trainer_->keep_output(data(kept->back()));
}

train::Loss Taught::score(const Rows& rows, const train::StepSettings& settings) {
  begin(rows, settings);
  forward(nullptr);
  trainer_->score(units_.back(), data(memory_.back()));
  return trainer_->loss();
}

train::Loss Taught::step(const std::vector<Rows>& micro_batches,
                         const train::StepSettings& settings) {
  gradients_.clear();
  all_written_ = true;
  train::Loss sum;
  for (const auto& rows : micro_batches) {
    begin(rows, settings);
    std::vector<at::Tensor> kept(units_.size());
    forward(&kept);
    for (std::size_t u = units_.size(); u-- > 0;) {
      if (units_[u].is_expert()) continue;
      const auto flat = train::flat_of(units_[u]);
      const auto memory = unwritten(flat, tokens_);
      const bool frozen = options_.frozen(units_[u]);
      auto* gradients = frozen ? nullptr : data(memory);
      if (options_.graphs && units_[u].kind != STRATA_UNIT_HEAD)
        backward(u, gradients);
      else
        trainer_->rerun(units_[u], flat, data(memory_[u]),
                        kept[u].defined() ? data(kept[u]) : nullptr, gradients);
      brought_->finish();
      if (!frozen) take(units_[u], flat, memory);
    }
    slots_.clear();
    take_products();
    const auto loss = trainer_->loss();
    sum.tokens += loss.tokens;
    sum.routers += loss.routers;
  }
  return sum;
}

void Taught::take_products() {
  if (products_.weights.empty()) return;
  const auto flat = train::flat_of(products_);
  const auto memory = unwritten(flat, 0);
  trainer_->product_gradients(flat, data(memory));
  take(products_, flat, memory);
}

void Taught::take(const zero::Unit& unit, const train::Flat& flat, const at::Tensor& memory) {
  const auto type = scalar_type(options_.reduce);
  const auto all = flat.rows + (unit.is_expert() ? 0 : tokens_ * flat.row_width);
  const auto values =
      borrowed(data(memory), {static_cast<int64_t>(all)}, type, device_).to(at::kCPU, at::kDouble);
  if (at::isnan(values).any().item<bool>()) all_written_ = false;
  const auto add = [&](const std::string& name, const at::Tensor& gradient) {
    auto& sum = gradients_[name];
    sum = sum.defined() ? sum.add(gradient) : gradient.clone();
  };
  for (const auto& piece : flat.pieces) {
    const auto& w = unit.weights[piece.weight];
    add(w.name,
        values.narrow(0, static_cast<int64_t>(piece.first), static_cast<int64_t>(piece.count))
            .view(w.shape));
  }
  if (flat.row_width == 0) return;
  const auto width = static_cast<int64_t>(flat.row_width);
  const auto rows =
      values.narrow(0, static_cast<int64_t>(flat.rows), static_cast<int64_t>(tokens_) * width)
          .view({-1, width});
  auto table = at::zeros(table_.sizes(), at::kDouble);
  table.index_add_(0, at::tensor(ids_, at::kInt), rows);
  add(unit.weights[0].name, table);
}

}  // namespace strata::torch::test
