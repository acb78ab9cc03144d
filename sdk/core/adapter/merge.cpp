#include "core/adapter/merge.hpp"

#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <set>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/source/elements.hpp"

namespace strata::adapter {
namespace {

using shape::DeclaredUnit, shape::DeclaredWeight;

// A use of a product, and where the weight's rows lie in a tensor of the checkpoint, which is one
// matrix or several.
struct Placed {
  std::size_t product = 0;  // its index in the adapter
  Use use;
  std::int64_t matrix = 0;
  bool turned = false;  // the tensor's columns are the weight's rows
  std::int64_t first = 0, step = 1;
};

// The elements of the products that are in use.
class Factors {
 public:
  explicit Factors(std::shared_ptr<const Adapter> adapter) : adapter_(std::move(adapter)) {}

  struct Pair {
    std::size_t product;
    std::vector<float> a, b;  // [X,r,in], [X,out,r]
  };
  const LowRank& product(std::size_t index) const { return adapter_->low_rank[index]; }

  // Reads the product unless it is among those used last. Valid until the next call.
  const Pair& at(std::size_t product) {
    constexpr std::size_t most = 4;
    for (auto it = kept_.begin(); it != kept_.end(); ++it)
      if (it->product == product) {
        kept_.splice(kept_.begin(), kept_, it);
        return kept_.front();
      }
    const auto& one = adapter_->low_rank[product];
    if (kept_.size() == most) kept_.pop_back();
    kept_.push_front({product, {}, {}});
    auto& pair = kept_.front();
    pair.a.resize(one.elements_of_a());
    pair.b.resize(one.elements_of_b());
    read_a(*adapter_, one, pair.a);
    read_b(*adapter_, one, pair.b);
    return pair;
  }

 private:
  std::shared_ptr<const Adapter> adapter_;
  std::list<Pair> kept_;
};

// Adds scale * sum over k of b[k] * a[k * in + i] to out[i], over the columns of one row.
void add_row(std::span<float> out, const float* b, const float* a, std::int64_t rank,
             std::int64_t in, float scale) {
  constexpr std::size_t lanes = 32;  // a fixed number, which the compiler makes vectors of
  std::size_t at = 0;
  for (; at + lanes <= out.size(); at += lanes) {
    std::array<float, lanes> sum{};
    for (std::int64_t k = 0; k < rank; ++k) {
      const float factor = b[k];
      const float* row = a + k * in + at;
      for (std::size_t j = 0; j < lanes; ++j) sum[j] += factor * row[j];
    }
    for (std::size_t j = 0; j < lanes; ++j) out[at + j] += sum[j] * scale;
  }
  for (; at < out.size(); ++at) {
    float sum = 0;
    for (std::int64_t k = 0; k < rank; ++k) sum += b[k] * a[k * in + static_cast<std::int64_t>(at)];
    out[at] += sum * scale;
  }
}

// The sums for one tensor of the checkpoint: some rows of some of its matrices [rows,columns].
class Sum {
 public:
  Sum(std::int64_t rows, std::int64_t columns, std::shared_ptr<Factors> factors)
      : rows_(rows), columns_(columns), factors_(std::move(factors)) {}

  void take(Placed placed) { placed_.push_back(std::move(placed)); }

  // Adds to the tensor's elements from `first` on.
  void add(std::uint64_t first, std::span<float> values) const {
    const auto width = static_cast<std::uint64_t>(columns_);
    while (!values.empty()) {
      const auto row = static_cast<std::int64_t>(first / width);
      const auto column = static_cast<std::int64_t>(first % width);
      const auto n = std::min<std::uint64_t>(values.size(), width - first % width);
      for (const auto& one : placed_)
        if (one.matrix == row / rows_) add_part(one, row % rows_, column, values.first(n));
      values = values.subspan(n);
      first += n;
    }
  }

 private:
  // The row of the product for a row of the tensor's matrix, or -1.
  static std::int64_t product_row(const Placed& one, std::int64_t row) {
    const auto at = row - one.first;
    if (at < 0 || at % one.step != 0 || at / one.step >= one.use.count) return -1;
    return one.use.first + at / one.step * one.use.step;
  }

  void add_part(const Placed& one, std::int64_t row, std::int64_t column,
                std::span<float> values) const {
    const auto& product = factors_->product(one.product);
    const auto rank = product.rank, in = product.module.in, out = product.module.out;
    const auto scale = static_cast<float>(product.scale);
    const auto expert = std::int64_t{one.use.expert};
    if (!one.turned) {
      const auto from = product_row(one, row);
      if (from < 0) return;
      const auto& pair = factors_->at(one.product);
      return add_row(values, pair.b.data() + (expert * out + from) * rank,
                     pair.a.data() + expert * rank * in + column, rank, in, scale);
    }
    const auto& pair = factors_->at(one.product);
    std::vector<float> a(static_cast<std::size_t>(rank));
    for (std::int64_t k = 0; k < rank; ++k)
      a[static_cast<std::size_t>(k)] =
          pair.a[static_cast<std::size_t>((expert * rank + k) * in + row)];
    for (std::size_t c = 0; c < values.size(); ++c) {
      const auto from = product_row(one, column + static_cast<std::int64_t>(c));
      if (from < 0) continue;
      const float* b = pair.b.data() + (expert * out + from) * rank;
      float sum = 0;
      for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
      values[c] += sum * scale;
    }
  }

  std::int64_t rows_, columns_;
  std::shared_ptr<Factors> factors_;
  std::vector<Placed> placed_;
};

class Merging {
 public:
  Merging(std::shared_ptr<const Adapter> adapter, const Base& base)
      : adapter_(std::move(adapter)), base_(base), factors_(std::make_shared<Factors>(adapter_)) {}

  void into(source::ImportOptions& options) {
    check_tied();
    find_products();
    for (const auto& unit : base_.units)
      for (const auto& weight : unit.weights) place(unit, weight);
    for (const auto& one : adapter_->whole) replace(one);
    for (const auto& [name, sum] : sums_)
      if (!whole_.contains(name))
        options.added[name] = [sum = sum](std::uint64_t first, std::span<float> values) {
          sum->add(first, values);
        };
    if (whole_.empty()) return;
    options.replaced = [whole = std::move(whole_)](const source::Tensor& tensor) {
      const auto found = whole.find(tensor.name);
      return found == whole.end() ? nullptr : found->second;
    };
  }

 private:
  [[noreturn]] void refuse(const std::string& name, const std::string& what,
                           const std::string& remedy) const {
    throw Error(adapter_->path, "'" + printable(name) + "' " + what, remedy);
  }

  void check_tied() const {
    for (const auto& one : adapter_->low_rank)
      if (base_.tied && one.module.kind != Kind::matrix)
        refuse(one.module.name,
               "shares its matrix with the embedding or the head, which would change too",
               "run the model with --adapter instead");
  }

  void find_products() {
    for (std::size_t i = 0; i < adapter_->low_rank.size(); ++i)
      for (const auto& use : adapter_->low_rank[i].module.uses) products_[use.weight] = {i, use};
  }

  void place(const DeclaredUnit& unit, const DeclaredWeight& weight) {
    if (weight.shape.size() != 2) return;
    if (weight.experts == 0) return place(unit, weight, weight.name, 0);
    for (std::uint32_t e = 0; e < weight.experts; ++e)
      place(unit, weight, source::numbered(weight.name, e), e);
  }

  void place(const DeclaredUnit& unit, const DeclaredWeight& weight, const std::string& name,
             std::uint32_t expert) {
    const auto found = products_.find(name);
    if (found == products_.end() || !seen_.insert(name).second) return;
    const auto& kept = base_.tensors.at(name);
    const auto* whole = base_.checkpoint.find(kept.name);
    const auto dims = whole ? whole->shape.size() : 0;
    if (dims != 2 && dims != 3)
      refuse(name, "is part of a tensor that is not merged",
             "run the model with --adapter instead");
    Placed placed{found->second.first, found->second.second, 0, false, 0, 1};
    const auto rows = whole->shape[dims - 2], columns = whole->shape[dims - 1];
    placed.turned = (kept.step<source::Transpose>() != nullptr) !=
                    (whole->step<source::Transpose>() != nullptr);
    if (dims == 3) {
      placed.matrix = expert;
      const auto fused = shape::fused_rows(unit, weight);
      if ((placed.turned ? columns : rows) != weight.shape[0]) {
        placed.first = fused.first;
        placed.step = fused.step;
      }
    }
    // The product of a table has the table's columns as its rows.
    if (weight.role == STRATA_TABLE) placed.turned = !placed.turned;
    auto& sum = sums_[kept.name];
    if (!sum) sum = std::make_shared<Sum>(rows, columns, factors_);
    sum->take(std::move(placed));
  }

  void replace(const Whole& one) {
    const auto* tensor = source::find_spelled(base_.checkpoint, one.weight);
    const bool head = std::ranges::find(source::head_names, one.weight) != source::head_names.end();
    if (!tensor && head && base_.tied) return check_copy(one);
    if (!tensor) refuse(one.weight, "is no weight of this model", "use the adapter's base model");
    if (tensor->shape != one.tensor.shape)
      refuse(one.weight,
             "is " + source::shape_text(one.tensor.shape) + ", not " +
                 source::shape_text(tensor->shape),
             "resize the model first: `strata import --resize-embeddings N`");
    if (one.tensor.step<source::Transpose>() || !tensor->pieces.empty())
      refuse(one.weight, "is stored column by column, or in parts",
             "save the adapter as safetensors");
    const auto sum = sums_.find(tensor->name);
    whole_[tensor->name] = [adapter = adapter_, from = one.tensor.stored,
                            sum = sum == sums_.end() ? nullptr : sum->second](
                               strata_dtype dtype, std::uint64_t first, std::span<std::byte> out) {
      constexpr std::uint64_t most = 1u << 20;
      const std::uint64_t width = element_bytes(from.dtype()), out_width = element_bytes(dtype);
      std::vector<std::byte> bytes;
      std::vector<float> values;
      for (auto* to = out.data(); to != out.data() + out.size(); first += values.size()) {
        const auto left = static_cast<std::uint64_t>(out.data() + out.size() - to) / out_width;
        values.resize(std::min(most, left));
        bytes.resize(values.size() * width);
        adapter->file->read(from.file().offset + first * width, bytes);
        for (std::size_t i = 0; i < values.size(); ++i)
          values[i] = static_cast<float>(source::element(from.dtype(), &bytes[i * width]));
        if (sum) sum->add(first, values);
        for (const auto value : values) {
          source::set_element(dtype, to, double{value});
          to += out_width;
        }
      }
    };
  }

  // A tied head that the adapter holds beside the table must be the table.
  void check_copy(const Whole& head) const {
    for (const auto& other : adapter_->whole) {
      if (&other == &head || head.tensor.shape != other.tensor.shape) continue;
      const auto &a = head.tensor.stored.file(), &b = other.tensor.stored.file();
      if (a.bytes != b.bytes) continue;
      std::vector<std::byte> one(std::min<std::uint64_t>(a.bytes, 1u << 20)), two(one.size());
      bool same = true;
      for (std::uint64_t at = 0; same && at < a.bytes; at += one.size()) {
        const auto n = std::min<std::uint64_t>(one.size(), a.bytes - at);
        adapter_->file->read(a.offset + at, std::span(one).first(n));
        adapter_->file->read(b.offset + at, std::span(two).first(n));
        same = one == two;
      }
      if (same) return;
    }
    refuse(head.weight, "is another matrix than the embedding's, to which this model ties it",
           "make a model of both with peft's merge_and_unload");
  }

  std::shared_ptr<const Adapter> adapter_;
  const Base& base_;
  std::shared_ptr<Factors> factors_;
  std::map<std::string, std::pair<std::size_t, Use>> products_;  // by weight
  std::set<std::string> seen_;
  std::map<std::string, std::shared_ptr<Sum>> sums_;          // by the checkpoint's tensor
  std::map<std::string, source::ImportOptions::Fill> whole_;  // alike: elements in place of its own
};

}  // namespace

void merge(std::shared_ptr<const Adapter> adapter, const Base& base,
           source::ImportOptions& options) {
  Merging(std::move(adapter), base).into(options);
}

}  // namespace strata::adapter
