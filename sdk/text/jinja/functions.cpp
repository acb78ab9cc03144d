#include "text/jinja/functions.hpp"

#include <array>
#include <map>

#include "text/jinja/python_text.hpp"
#include "text/jinja/scope.hpp"

namespace strata::text::jinja {
namespace {

using Function = Value (*)(Budget&, Surroundings&, const Arguments&);

Value range(Budget& budget, Surroundings&, const Arguments& arguments) {
  const auto given = arguments.bind("range", {"", "", ""});
  if (!given[0]) throw Refused("'range' needs an integer");
  const auto from = given[1] ? integer_of(given[0], 0) : 0;
  const auto to = integer_of(given[given[1] ? 1 : 0], 0);
  const auto by = integer_of(given[2], 1);
  if (by == 0) throw Refused("'range' by steps of 0");
  constexpr std::size_t most = 100'000;
  Sequence out{Sequence::Form::range, {}};
  for (auto at = from; by > 0 ? at < to : at > to;) {
    if (out.items.size() == most) throw Refused("'range' of more than 100000 numbers");
    budget.spend(Budget::element);
    out.items.emplace_back(at);
    if (__builtin_add_overflow(at, by, &at)) break;
  }
  return Value(std::move(out));
}

// The entries of dict(...) and namespace(...).
Dict entries(const Arguments& arguments) {
  Dict out;
  if (arguments.positional.size() > 1) throw Refused("a dict is made of one at most");
  if (!arguments.positional.empty()) {
    const auto* from = arguments.positional.front().dict();
    if (!from) throw Refused("a dict is made of a dict and of names, nothing else");
    out = *from;
  }
  for (const auto& [name, value] : arguments.named) out.set(Value(std::string(name)), value);
  return out;
}

Value make_dict(Budget&, Surroundings&, const Arguments& arguments) {
  return Value(entries(arguments));
}

Value make_namespace(Budget& budget, Surroundings& surroundings, const Arguments& arguments) {
  const auto from = entries(arguments);
  budget.spend(Budget::element * (from.entries.size() + 4));
  auto space = std::make_unique<Namespace>();
  for (const auto& [key, value] : from.entries) space->members[text_of(&key, "namespace")] = value;
  surroundings.spaces.push_back(std::move(space));
  return Value(surroundings.spaces.back().get());
}

Value raise(Budget& budget, Surroundings&, const Arguments& arguments) {
  const auto* message = arguments.bind("raise_exception", {"message"})[0];
  throw Refused("the template refuses this conversation: " +
                (message ? str(budget, *message) : std::string()));
}

Value strftime_now(Budget&, Surroundings& surroundings, const Arguments& arguments) {
  const auto format = text_of(arguments.bind("strftime_now", {"format"})[0], "strftime_now");
  if (format.empty()) return Value(std::string());
  if (format.size() > 100 || format.find('\0') != format.npos)
    throw Refused("a format of more than 100 characters is not supported");
  for (auto at = format.find('%'); at != format.npos; at = format.find('%', at + 2))
    if (at + 1 == format.size() || format.find_first_of("123456789", at) == at + 1)
      throw Refused("the format '" + format + "' is not supported");  // widths, without bound
  std::array<char, 8192> room{};
  const auto size = std::strftime(room.data(), room.size(), format.c_str(), &surroundings.now);
  return Value(std::string(room.data(), size));
}

const std::map<std::string_view, Function>& functions() {
  static const std::map<std::string_view, Function> known{{"range", range},
                                                          {"dict", make_dict},
                                                          {"namespace", make_namespace},
                                                          {"raise_exception", raise},
                                                          {"strftime_now", strftime_now}};
  return known;
}

}  // namespace

Value find_function(std::string_view name) {
  if (name == "cycler" || name == "joiner" || name == "lipsum")
    throw Refused("the function '" + std::string(name) + "' is not supported");
  const auto found = functions().find(name);
  if (found == functions().end()) return Undefined{name};
  return Value(Callable{.name = found->first});
}

Value call_function(Budget& budget, Surroundings& surroundings, std::string_view name,
                    const Arguments& arguments) {
  for (const auto& argument : arguments.positional) budget.walk(argument);
  return functions().at(name)(budget, surroundings, arguments);
}

}  // namespace strata::text::jinja
