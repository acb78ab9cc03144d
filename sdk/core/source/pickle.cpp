#include "core/source/pickle.hpp"

#include <cstring>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/source/pickle_names.hpp"

namespace strata::source {
namespace {

constexpr std::size_t max_values = 1u << 20;  // about 60,000 tensors
constexpr std::size_t max_marks = 1u << 16, max_dims = 64;
constexpr auto damaged = "the file is damaged; fetch it again";
constexpr auto foreign = "save a plain state dict of tensors, or convert it to safetensors";

using Kind = PickleKind;

// Executes the opcodes over a stack of indices into `out_.values`.
class Machine {
 public:
  Machine(std::string_view bytes, std::string_view path) : bytes_(bytes), path_(path) {}

  Pickle run() {
    for (;;) {
      begin_ = at_;
      const auto opcode = number<std::uint8_t>();
      if (opcode == '.') break;
      step(opcode);
    }
    out_.root = pop();
    out_.bytes = at_;
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what, std::string_view remedy = damaged) const {
    throw Error(path_, "pickle at byte " + std::to_string(begin_) + ": " + what, remedy);
  }

  void step(std::uint8_t opcode) {
    switch (opcode) {
      case 0x80:  // PROTO
        if (const auto version = number<std::uint8_t>(); version < 2 || version > 5)
          refuse("protocol " + std::to_string(version) + " is not 2 to 5", foreign);
        return;
      case 0x95:  // FRAME: the number of bytes to read at once; changes nothing
        take(8);
        return;
      case '(':
        if (marks_.size() == max_marks) refuse("nested too deeply", foreign);
        marks_.push_back(stack_.size());
        return;
      case 'N':
        return push({});
      case 0x88:
      case 0x89:
        return push({.kind = Kind::flag, .number = opcode == 0x88});
      case 'J':
        return push_integer(number<std::int32_t>());
      case 'K':
        return push_integer(number<std::uint8_t>());
      case 'M':
        return push_integer(number<std::uint16_t>());
      case 0x8a:
        return push_long(take(number<std::uint8_t>()));
      case 'G':
        take(8);
        return push({.kind = Kind::real});  // of no tensor
      case 'X':
        return push({.kind = Kind::text, .text = take(number<std::uint32_t>())});
      case 0x8c:
        return push({.kind = Kind::text, .text = take(number<std::uint8_t>())});
      default:
        return step_of_items(opcode);
    }
  }

  void step_of_items(std::uint8_t opcode) {
    switch (opcode) {
      case ')':
        return push({.kind = Kind::tuple});
      case ']':
        return push({.kind = Kind::list});
      case '}':
        return push({.kind = Kind::dict});
      case 't':
        return push({.kind = Kind::tuple, .items = pop_to_mark()});
      case 0x85:
      case 0x86:
      case 0x87:
        return push({.kind = Kind::tuple, .items = pop_last(opcode - 0x84u)});
      case 'a':
        return add(pop_last(1), Kind::list);
      case 'e':
        return add(pop_to_mark(), Kind::list);
      case 's':
        return add(pop_last(2), Kind::dict);
      case 'u':
        return add(pop_to_mark(), Kind::dict);
      default:
        return step_of_memo(opcode);
    }
  }

  void step_of_memo(std::uint8_t opcode) {
    switch (opcode) {
      case 'q':
        return put(number<std::uint8_t>());
      case 'r':
        return put(number<std::uint32_t>());
      case 0x94:
        return put(memo_.size());
      case 'h':
        return get(number<std::uint8_t>());
      case 'j':
        return get(number<std::uint32_t>());
      case 'c': {
        const auto module = line();
        return push_global(module, line());
      }
      case 0x93: {
        const auto name = pop_text();
        return push_global(pop_text(), name);
      }
      case 'Q':
        return push_storage(pop_kind(Kind::tuple, "a persistent id"));
      case 'R':
        return reduce();
      case 'b':
        return build();
      default:
        refuse("opcode " + pickle_opcode_name(opcode) + " is no part of a checkpoint", foreign);
    }
  }

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_)
      refuse("it ends too early", "the file is cut short; fetch it again");
    const auto out = bytes_.substr(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return out;
  }

  template <class T>
  T number() {
    T out;
    std::memcpy(&out, take(sizeof out).data(), sizeof out);
    return out;
  }

  std::string_view line() {
    const auto end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) refuse("a name does not end");
    const auto out = take(end - at_);
    ++at_;
    return out;
  }

  void push(PickleValue value) {
    if (out_.values.size() == max_values) refuse_size();
    push_place(static_cast<std::uint32_t>(out_.values.size()));
    out_.values.push_back(std::move(value));
  }

  void push_place(std::uint32_t place) {
    if (stack_.size() == max_values) refuse_size();
    stack_.push_back(place);
  }

  [[noreturn]] void refuse_size() const {
    refuse("more than " + std::to_string(max_values) + " values", foreign);
  }

  void push_integer(std::int64_t value) { push({.kind = Kind::integer, .number = value}); }

  // Little-endian two's complement of any length.
  void push_long(std::string_view bytes) {
    if (bytes.size() > 8) return push({.kind = Kind::integer, .text = bytes});
    const bool negative = !bytes.empty() && (static_cast<unsigned char>(bytes.back()) & 0x80) != 0;
    std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    push_integer(static_cast<std::int64_t>(value));
  }

  void push_global(std::string_view module, std::string_view name) {
    const auto known = pickle_global(module, name);
    if (!known)
      refuse("global '" + printable(std::string(module) + "." + std::string(name)) +
                 "' is no part of a checkpoint",
             foreign);
    push({.kind = Kind::global, .dtype = known->dtype, .number = static_cast<int64_t>(known->is)});
  }

  std::uint32_t pop() {
    if (stack_.size() == (marks_.empty() ? 0 : marks_.back())) refuse("the stack is empty");
    const auto out = stack_.back();
    stack_.pop_back();
    return out;
  }

  const PickleValue& pop_kind(Kind kind, const char* of) {
    const auto& out = out_.values[pop()];
    if (out.kind != kind) refuse(std::string(of) + " has another type");
    return out;
  }

  std::string_view pop_text() { return pop_kind(Kind::text, "a name").text; }

  std::vector<std::uint32_t> pop_last(std::size_t count) {
    std::vector<std::uint32_t> out(count);
    for (auto at = out.rbegin(); at != out.rend(); ++at) *at = pop();
    return out;
  }

  std::vector<std::uint32_t> pop_to_mark() {
    if (marks_.empty()) refuse("a mark is missing");
    auto out = pop_last(stack_.size() - marks_.back());
    marks_.pop_back();
    return out;
  }

  // Appends to the list or dict that is below on the stack.
  void add(const std::vector<std::uint32_t>& items, Kind kind) {
    if (kind == Kind::dict && items.size() % 2 != 0) refuse("a key has no value");
    const auto place = pop();
    auto& to = out_.values[place];
    if (to.kind != kind) refuse("items are added to what holds none");
    to.items.insert(to.items.end(), items.begin(), items.end());
    stack_.push_back(place);
  }

  void put(std::uint64_t place) {
    if (place >= max_values) refuse("a memo of " + std::to_string(place));
    const auto top = pop();
    if (place >= memo_.size()) memo_.resize(static_cast<std::size_t>(place) + 1, nothing);
    memo_[static_cast<std::size_t>(place)] = top;
    stack_.push_back(top);
  }

  void get(std::uint64_t place) {
    if (place >= memo_.size() || memo_[static_cast<std::size_t>(place)] == nothing)
      refuse("memo " + std::to_string(place) + " is empty");
    push_place(memo_[static_cast<std::size_t>(place)]);
  }

  // The item of a tuple, of the kind that it must have.
  const PickleValue& item(const PickleValue& tuple, std::size_t at, Kind kind,
                          const char* of) const {
    if (at >= tuple.items.size() || out_.values[tuple.items[at]].kind != kind)
      refuse(std::string(of).append(" is not what a checkpoint has"));
    return out_.values[tuple.items[at]];
  }

  bool is_global(const PickleValue& value, PickleGlobal which) const {
    return value.kind == Kind::global && value.number == static_cast<std::int64_t>(which);
  }

  // ("storage", type, key, device, elements), and None for a legacy storage that is no view.
  void push_storage(const PickleValue& id) {
    const auto& type = item(id, 1, Kind::global, "a storage's type");
    const auto& elements = item(id, 4, Kind::integer, "a storage's size");
    const bool whole = id.items.size() == 5 ||
                       (id.items.size() == 6 && out_.values[id.items[5]].kind == Kind::none);
    if (item(id, 0, Kind::text, "a persistent id").text != "storage" || !whole ||
        !is_global(type, PickleGlobal::storage) || !elements.text.empty() || elements.number < 0)
      refuse("a persistent id is not a storage's", foreign);
    push({.kind = Kind::storage,
          .dtype = type.dtype,
          .number = elements.number,
          .text = item(id, 2, Kind::text, "a storage's key").text});
  }

  void reduce() {
    const auto& arguments = out_.values[pop()];
    const auto& callee = out_.values[pop()];
    if (arguments.kind != Kind::tuple) refuse("a call's arguments are no tuple");
    if (is_global(callee, PickleGlobal::ordered_dict) && arguments.items.empty())
      return push({.kind = Kind::dict});
    if (is_global(callee, PickleGlobal::rebuild_tensor)) return push_tensor(arguments);
    if (is_global(callee, PickleGlobal::rebuild_parameter)) {
      item(arguments, 0, Kind::tensor, "a parameter");
      return stack_.push_back(arguments.items[0]);
    }
    refuse("a call that no checkpoint makes", foreign);
  }

  // storage, offset, shape, strides; then items for training alone.
  void push_tensor(const PickleValue& arguments) {
    constexpr auto of = "a tensor's description";
    item(arguments, 0, Kind::storage, of);
    const auto& offset = item(arguments, 1, Kind::integer, of);
    const auto& shape = item(arguments, 2, Kind::tuple, of);
    const auto& strides = item(arguments, 3, Kind::tuple, of);
    if (!offset.text.empty() || offset.number < 0 || shape.items.size() > max_dims ||
        shape.items.size() != strides.items.size())
      refuse("a tensor's description is not what a checkpoint has");
    for (const auto* list : {&shape, &strides})
      for (std::size_t i = 0; i < list->items.size(); ++i)
        if (const auto& one = item(*list, i, Kind::integer, of);
            !one.text.empty() || one.number < 0)
          refuse("a tensor's description has a number out of range");
    push({.kind = Kind::tensor,
          .number = offset.number,
          .items = {arguments.items.begin(), arguments.items.begin() + 4}});
  }

  // Attributes of a dict (a module's versions) hold no learned values.
  void build() {
    pop();
    const auto place = pop();
    if (out_.values[place].kind != Kind::dict) refuse("attributes of what has none", foreign);
    stack_.push_back(place);
  }

  static constexpr std::uint32_t nothing = ~0u;
  std::string_view bytes_, path_;
  std::size_t at_ = 0, begin_ = 0;
  Pickle out_;
  std::vector<std::uint32_t> stack_, memo_;
  std::vector<std::size_t> marks_;  // where in the stack
};

}  // namespace

const PickleValue* Pickle::find(const PickleValue& dict, std::string_view key) const {
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2)
    if (at(dict.items[i]).kind == Kind::text && at(dict.items[i]).text == key)
      return &at(dict.items[i + 1]);
  return nullptr;
}

Pickle parse_pickle(std::string_view bytes, std::string_view path) {
  return Machine(bytes, path).run();
}

}  // namespace strata::source
