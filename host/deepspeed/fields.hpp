// The known keys of a ds_config: DeepSpeed's, with its defaults and the use that Strata makes of
// each.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::deepspeed {

enum class Type { flag, integer, number, text, list, object };

enum class Use {
  applied,   // it becomes a setting of every command
  trained,   // it becomes a setting of training; elsewhere it is read, checked and reported
  recorded,  // read, checked and reported; no setting depends on it
  ignored,   // nothing depends on it; Field::words says why
};

struct Field {
  std::string_view path;  // "zero_optimization.offload_param.device"
  Type type;
  std::string_view fallback;  // the default as JSON; empty: absent
  Use use;
  std::string_view words;         // what it becomes, or why it is ignored
  bool may_be_auto = false;       // "auto" is a value to report; elsewhere it is the default
  std::string_view one_of = {};   // "a|b": exactly these texts
  double low = 0, high = 9.3e18;  // bounds of a number
};

std::span<const Field> fields();
const Field* find_field(std::string_view path);
// Whether `path` is an object that holds known keys.
bool is_section(std::string_view path);
// The paths of all keys and of the objects that hold them.
std::vector<std::string> known_paths();

// A key that DeepSpeed renamed: it is read as `by`. If `by` is empty, it has no successor.
struct Replaced {
  std::string_view path, by, words;
};
const Replaced* find_replaced(std::string_view path);

}  // namespace strata::deepspeed
