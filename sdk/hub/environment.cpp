#include "hub/environment.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "core/error.hpp"

namespace strata::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_token = 4096;

// The first of these variables that is set and not empty.
std::string variable(std::initializer_list<const char*> names) {
  for (const auto* name : names)
    if (const char* value = std::getenv(name); value && *value) return value;
  return "";
}

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The text with $NAME and ${NAME} replaced by the variables' values; unknown names stay as they
// are.
std::string expanded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const bool braced = text.substr(at).starts_with("${");
    const auto begin = at + (braced ? 2 : 1);
    auto end = begin;
    while (text[at] == '$' && end < text.size() && is_name(text[end])) ++end;
    const auto name = std::string(text.substr(begin, end - begin));
    const bool closed = !braced || (end < text.size() && text[end] == '}');
    const char* value = end > begin && closed ? std::getenv(name.c_str()) : nullptr;
    const auto length = value ? end + (braced ? 1 : 0) - at : 1;
    out += value ? std::string_view(value) : text.substr(at, 1);
    at += length;
  }
  return out;
}

// A folder's or file's name, whose leading ~ is the home folder.
std::string path_in(std::initializer_list<const char*> names) {
  auto text = variable(names);
  if (text == "~" || text.starts_with("~/")) text.replace(0, 1, variable({"HOME"}));
  return expanded(text);
}

fs::path home_folder() {
  if (auto home = path_in({"HF_HOME"}); !home.empty()) return home;
  auto caches = variable({"XDG_CACHE_HOME"});
  if (caches.empty()) caches = variable({"HOME"}) + "/.cache";
  return fs::path(caches) / "huggingface";
}

bool is_on(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  constexpr std::array<std::string_view, 4> words{"1", "ON", "YES", "TRUE"};
  return std::ranges::find(words, text) != words.end();
}

std::string stripped(std::string text) {
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
  const auto first = text.find_first_not_of(" \t");
  return first == text.npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string checked(std::string token, const std::string& source) {
  if (token.size() > longest_token ||
      !std::ranges::all_of(token, [](char c) { return c > ' ' && c <= '~'; }))
    throw UsageError(source, "is no token", "set it as the hub gave it");
  return token;
}

std::string token_of_environment() {
  auto token = stripped(variable({"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}));
  if (!token.empty()) return checked(token, "HF_TOKEN");
  if (is_on(variable({"HF_HUB_DISABLE_IMPLICIT_TOKEN"}))) return "";
  auto path = fs::path(path_in({"HF_TOKEN_PATH"}));
  if (path.empty()) path = home_folder() / "token";
  std::ifstream file(path, std::ios::binary);
  std::string text(longest_token + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return checked(stripped(text), path.string());
}

}  // namespace

bool is_offline() { return is_on(variable({"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"})); }

fs::path cache_folder() {
  if (auto folder = path_in({"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}); !folder.empty())
    return folder;
  return home_folder() / "hub";
}

Hub hub_of_environment() {
  Hub hub;
  hub.offline = is_offline();
  if (hub.offline) return hub;
  if (auto endpoint = variable({"HF_ENDPOINT"}); !endpoint.empty()) hub.endpoint = endpoint;
  while (hub.endpoint.ends_with('/')) hub.endpoint.pop_back();
  hub.token = token_of_environment();
  const auto patience = variable({"HF_HUB_DOWNLOAD_TIMEOUT"});
  if (!patience.empty()) hub.patience = std::atol(patience.c_str());
  if (hub.patience < 1 || hub.patience > 86400)
    throw UsageError("HF_HUB_DOWNLOAD_TIMEOUT", "'" + printable(patience) + "' is no wait",
                     "give 1 to 86400 seconds");
  return hub;
}

}  // namespace strata::hub
