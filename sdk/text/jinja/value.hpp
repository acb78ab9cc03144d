// The values of a template: those of JSON, and those that only templates make.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace strata::text::jinja {

// The exception that ends a rendering; the code that knows the template adds the line.
class Refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Value;
using Values = std::vector<Value>;
struct Sequence;
struct Dict;
struct Generator;
struct Callable;
struct Loop;
struct Namespace;

// An undefined value. The name, where there is one, is in the text of a template that outlives it.
struct Undefined {
  std::string_view name;
};

// Text that the filter `safe` marked. Python would escape text that is added to it, so it can only
// be output, compared and joined by ~.
struct Safe {
  std::shared_ptr<const std::string> text;
};

// [Note: depth] The constructors of containers bound their nesting, so that the stack suffices for
// every walk through one, also for its destruction.
class Value {
 public:
  Value() : Value(Undefined{}) {}
  Value(Undefined undefined) : held_(undefined) {}
  Value(std::nullptr_t) : held_(nullptr) {}
  explicit Value(bool flag) : held_(flag) {}
  explicit Value(std::int64_t number) : held_(number) {}
  explicit Value(double number) : held_(number) {}
  explicit Value(std::string text) : held_(std::make_shared<const std::string>(std::move(text))) {}
  explicit Value(Safe safe) : held_(std::move(safe)) {}
  explicit Value(Sequence sequence);
  explicit Value(Dict dict);
  explicit Value(Generator generator);
  explicit Value(Callable callable);
  explicit Value(std::shared_ptr<const Loop> loop);
  explicit Value(Namespace* space) : held_(space), depth_(1) {}

  // Null where the value is of another type.
  template <class T>
  const T* as() const {
    return std::get_if<T>(&held_);
  }
  const std::string* text() const { return pointed<std::string>(); }
  const Sequence* sequence() const { return pointed<Sequence>(); }
  const Dict* dict() const { return pointed<Dict>(); }
  const Callable* callable() const { return pointed<Callable>(); }
  const Loop* loop() const { return pointed<Loop>(); }
  Generator* generator() const;
  Namespace* space() const;

  bool undefined() const { return as<Undefined>() != nullptr; }
  bool none() const { return as<std::nullptr_t>() != nullptr; }
  // A flag counts as a number, as in Python.
  bool whole() const { return as<std::int64_t>() || as<bool>(); }
  bool number() const { return whole() || as<double>(); }
  std::int64_t integer() const;  // of a whole one
  double real() const;           // of a number

  int depth() const { return depth_; }
  // "a list": for messages.
  std::string_view kind() const;

 private:
  template <class T>
  const T* pointed() const {
    const auto* pointer = as<std::shared_ptr<const T>>();
    return pointer ? pointer->get() : nullptr;
  }

  std::variant<Undefined, std::nullptr_t, bool, std::int64_t, double,
               std::shared_ptr<const std::string>, Safe, std::shared_ptr<const Sequence>,
               std::shared_ptr<const Dict>, std::shared_ptr<Generator>,
               std::shared_ptr<const Callable>, std::shared_ptr<const Loop>, Namespace*>
      held_;
  int depth_ = 0;
};

struct Sequence {
  enum class Form { list, tuple, range, view };
  Form form = Form::list;
  Values items;
};

// A dict in the insertion order of its keys.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;

  // Null where there is none; a key that Python cannot hash throws Refused.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);
};

// A generator, which Python fills element by element: it can be walked through once and is always
// true.
struct Generator {
  Values items;
};

// A namespace. The rendering owns it, so it may contain itself.
struct Namespace {
  std::map<std::string, Value, std::less<>> members;
};

Value list(Values items);
Value tuple(Values items);

}  // namespace strata::text::jinja
