#include "kernels/group_codec.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "kernels/device_groups.hpp"
#include "kernels/host_products.hpp"
#include "kernels/words.hpp"

namespace strata::kernels {

namespace {

constexpr int64_t most_in_group = 1 << 30;  // as config.json's lengths
constexpr std::string_view code_names[] = {"int4", "int8", "nf4", "e2m1", "e4m3"};
constexpr std::string_view zero_names[] = {"none", "code", "number"};
constexpr std::string_view scale_names[] = {"f16", "bf16", "f32"};
constexpr strata_dtype scale_dtypes[] = {
    {STRATA_FLOAT, 16, 1}, {STRATA_BFLOAT, 16, 1}, {STRATA_FLOAT, 32, 1}};

std::string text_of_dtype(strata_dtype dtype) {
  const auto [code, bits, lanes] = dtype;
  const char* kind = code == STRATA_UINT     ? "uint"
                     : code == STRATA_INT    ? "int"
                     : code == STRATA_FLOAT  ? "float"
                     : code == STRATA_BFLOAT ? "bfloat"
                                             : "another dtype of ";
  return kind + std::to_string(bits) + (lanes == 1 ? "" : "x" + std::to_string(lanes));
}

// The place of a name; -1: it is none of them.
template <std::size_t n>
int find(const std::string_view (&names)[n], std::string_view name) {
  for (std::size_t i = 0; i < n; ++i)
    if (names[i] == name) return static_cast<int>(i);
  return -1;
}

bool on_one_device(const Memory& a, const Memory& b) {
  if (a.on_host() || b.on_host()) return a.on_host() && b.on_host();
  return a.device.type == STRATA_CUDA && b.device.type == STRATA_CUDA && a.device.id == b.device.id;
}

DeviceQueue queue_of(const strata_call& call, const Memory& memory) {
  return {memory.device.id, call.stream};
}

// The dtypes that unpack writes.
bool is_dense(strata_dtype dtype) {
  if (same(dtype, {STRATA_FLOAT, 64, 1})) return true;
  return std::any_of(std::begin(scale_dtypes), std::end(scale_dtypes),
                     [&](strata_dtype one) { return same(dtype, one); });
}

}  // namespace

std::optional<GroupForm> parse_groups(std::string_view text) {
  if (take_word(text) != "groups") return std::nullopt;
  const int code = find(code_names, take_word(text));
  const auto digits = take_word(text);
  const int zero = find(zero_names, take_word(text)), scale = find(scale_names, text);
  int64_t group = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, group);
  if (code < 0 || zero < 0 || scale < 0 || error != std::errc() || at != end ||
      digits.front() == '0')
    return std::nullopt;
  const GroupForm form{static_cast<Code>(code), static_cast<Zero>(zero), scale_dtypes[scale],
                       group};
  return valid(form) && group <= most_in_group ? std::optional(form) : std::nullopt;
}

std::string words_of(const GroupForm& form) {
  std::string out = "groups ";
  out.append(code_names[static_cast<int>(form.code)]).append(" ");
  out.append(std::to_string(form.group)).append(" ");
  out.append(zero_names[static_cast<int>(form.zero)]).append(" ");
  for (std::size_t i = 0; i < std::size(scale_dtypes); ++i)
    if (same(form.scale, scale_dtypes[i])) out.append(scale_names[i]);
  return out;
}

GroupCodec::GroupCodec(std::string_view text) {
  const auto found = parse_groups(text);
  if (!found)
    throw Failure(STRATA_INVALID,
                  std::string(text) +
                      ": no form of weights in groups: write groups CODE GROUP ZERO SCALE, as "
                      "\"groups int4 128 code f16\"");
  form_ = *found;
}

GroupCodec::GroupCodec(const GroupForm& form) : form_(form) {
  if (!valid(form)) throw refused("no such weights exist");
}

Failure GroupCodec::refused(const std::string& why) const {
  return {STRATA_INVALID, words_of(form_) + ": " + why};
}
Failure GroupCodec::unimplemented(const std::string& why) const {
  return {STRATA_UNIMPLEMENTED, words_of(form_) + ": " + why};
}

std::vector<Part> GroupCodec::parts(strata_dtype, std::span<const int64_t> shape) const {
  if (shape.size() < 2 || shape.back() < 1)
    throw refused("weights are matrices [out,in], and their rows are not empty");
  std::vector<int64_t> codes(shape.begin(), shape.end()), scales = codes;
  codes.back() = codes_in(form_, shape.back());
  scales.back() = groups_in(form_, shape.back());
  constexpr strata_dtype byte{STRATA_UINT, 8, 1};
  std::vector<Part> out{{"codes", byte, std::move(codes), 0}, {"scales", form_.scale, scales, 0}};
  if (form_.zero != Zero::none)
    out.push_back({"zeros", form_.zero == Zero::code ? byte : form_.scale, std::move(scales), 0});
  return out;
}

GroupLinear GroupCodec::weight_of(std::span<const Memory> given, int64_t rows, int64_t columns,
                                  const Memory& beside) const {
  const int64_t shape[]{rows, columns};
  const auto wanted = parts({}, shape);
  if (given.size() != wanted.size())
    throw refused(std::to_string(given.size()) + " parts, and a weight has " +
                  std::to_string(wanted.size()));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::string role(wanted[i].role);
    const int64_t elements = wanted[i].shape[0] * wanted[i].shape[1];
    if (!same(given[i].dtype, wanted[i].dtype))
      throw refused(role + " are " + text_of_dtype(given[i].dtype) + ", and those of the form " +
                    text_of_dtype(wanted[i].dtype));
    if (given[i].elements() != elements)
      throw refused(role + " have " + std::to_string(given[i].elements()) +
                    " elements, and a weight of " + std::to_string(rows) + " x " +
                    std::to_string(columns) + " has " + std::to_string(elements));
    if (!on_one_device(given[i], beside))
      throw unimplemented(role + (beside.on_host() ? " are not in host memory"
                                                   : " are not on the GPU of the other tensors"));
  }
  return {form_,
          {given[0].as<const uint8_t>(), given[1].data, given.size() > 2 ? given[2].data : nullptr},
          rows,
          columns};
}

void GroupCodec::unpack(const strata_call& call, std::span<const Memory> given,
                        const Memory& weight) const {
  parts(weight.dtype, weight.shape);
  if (!is_dense(weight.dtype))
    throw refused("a dense weight is float16, bfloat16, float32 or float64, not " +
                  text_of_dtype(weight.dtype));
  const int64_t columns = weight.shape.back(), rows = weight.elements() / columns;
  const auto packed = weight_of(given, rows, columns, weight);
  if (weight.on_host()) return kernels::unpack(packed, 0, rows, weight.data, weight.dtype);
  if (const char* why = unpack_on_device(packed, weight.data, weight.dtype, queue_of(call, weight)))
    throw unimplemented(why);
}

bool GroupCodec::unpacks(strata_device device) const {
  return device.type == STRATA_CUDA && unpacks_on_device();
}

bool GroupCodec::can(const ProductKind& kind) const {
  if (kind.device.type == STRATA_CUDA)
    return kind.weight.size() == 2 && kind.tokens <= most_device_tokens &&
           can_on_device(form_, kind.weight[1], kind.dtype);
  return computes(kind) && kernels::can(form_, kind.weight[1]);
}

uint64_t GroupCodec::workspace(const ProductKind& kind) const {
  if (kind.device.type == STRATA_CUDA || !can(kind)) return 0;
  return kernels::workspace({form_, {}, kind.weight[0], kind.weight[1]}, kind.tokens,
                            products_of(kind.fast));
}

void GroupCodec::check(const Memory& x, const Memory& y, bool fast) const {
  if (x.shape.size() != 2 || y.shape.size() != 2 || x.shape[0] != y.shape[0])
    throw refused("x and y are no [T,in] and [T,out]");
  const int64_t shape[]{y.shape[1], x.shape[1]};
  if (!same(x.dtype, y.dtype) || !on_one_device(x, y) ||
      !can({shape, x.shape[0], x.device, x.dtype, fast}))
    throw unimplemented("no such product is computed");
}

void GroupCodec::multiply(const strata_call& call, std::span<const GroupShare> shares,
                          const Memory& x, const Memory& y, std::byte* workspace,
                          const strata_threads* threads, bool fast) const {
  const int64_t columns = x.shape[1], rows = y.shape[1];
  const auto count = static_cast<int64_t>(shares.size());
  if (x.on_host())
    return kernels::linear_grouped(form_, rows, columns, shares.data(), count, x.data, x.dtype,
                                   columns, y.data, y.dtype, rows, workspace, run_on(threads),
                                   products_of(fast));
  if (const char* why = linear_on_device(form_, rows, columns, shares.data(), count, x.data, y.data,
                                         x.dtype, queue_of(call, x)))
    throw unimplemented(why);
}

void GroupCodec::linear(const strata_call& call, std::span<const Memory> given,
                        const Product& product) const {
  const auto &x = product.x, &y = product.y;
  check(x, y, product.fast);
  const GroupShare all{weight_of(given, y.shape[1], x.shape[1], x).parts, x.shape[0]};
  multiply(call, {&all, 1}, x, y, static_cast<std::byte*>(product.workspace), product.threads,
           product.fast);
}

void GroupCodec::linear_grouped(const strata_call& call, const GroupedProduct& product) const {
  const auto &x = product.x, &y = product.y;
  check(x, y, product.fast);
  check_ends(product);
  std::vector<GroupShare> shares;
  for (const auto& one : product.weights)
    shares.push_back({weight_of(one.parts, y.shape[1], x.shape[1], x).parts, one.end});
  multiply(call, shares, x, y, static_cast<std::byte*>(product.workspace), product.threads,
           product.fast);
}

}  // namespace strata::kernels
