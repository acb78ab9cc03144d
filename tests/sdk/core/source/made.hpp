// Files that the tests make: a temporary folder, and bytes of the formats, valid or malformed.
#pragma once
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace made {

class Folder {
 public:
  Folder();
  ~Folder();
  std::string path(std::string_view name = "") const;  // path of a file in the folder
  std::string write(std::string_view name, std::string_view bytes) const;  // returns the path

 private:
  std::filesystem::path path_;
};

// Runs a script beside the tests with the environment's Python; throws unless it succeeds.
void python(const std::string& script, const std::vector<std::string>& arguments);
std::string read(const std::string& path);

// The words of the exception that the call throws, with the folder's path written as DIR; "" if it
// throws none.
template <class Call>
std::string refusal(const Folder& folder, Call call) {
  try {
    call();
  } catch (const std::exception& error) {
    std::string words = error.what();
    const auto path = folder.path();
    for (auto at = words.find(path); at != std::string::npos; at = words.find(path))
      words.replace(at, path.size(), "DIR");
    return words;
  }
  return {};
}

template <class T>
std::string bytes(T value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

// A safetensors file: the JSON with its length, then `data` zero bytes.
std::string safetensors(std::string_view json, std::size_t data);

// A GGUF file, written field by field.
class Gguf {
 public:
  explicit Gguf(std::uint32_t version = 3) : version_(version) {}
  Gguf& text(std::string_view key, std::string_view value);
  Gguf& u32(std::string_view key, std::uint32_t value);
  Gguf& f32(std::string_view key, float value);
  Gguf& raw(std::string_view key, std::uint32_t type, std::string_view value);
  // Dimensions innermost first, as the file has them.
  Gguf& tensor(std::string_view name, std::vector<std::uint64_t> dims, std::uint32_t type,
               std::uint64_t offset);
  Gguf& counts(std::uint64_t tensors, std::uint64_t keys);  // counts that differ from the real ones
  std::string header() const;                               // up to the data, padded
  std::string file(std::size_t data) const { return header() + std::string(data, '\0'); }

 private:
  std::uint32_t version_;
  std::uint64_t keys_ = 0, tensors_ = 0, claimed_tensors_ = 0, claimed_keys_ = 0;
  bool claimed_ = false;
  std::string metadata_, infos_;
};

std::string sized(std::string_view text);  // eight bytes of length, then the text

}  // namespace made
