#include "tests/sdk/core/source/made.hpp"

#include <stdlib.h>
#include <sys/wait.h>

#include <iterator>
#include <stdexcept>

namespace made {

Folder::Folder() {
  auto name = (std::filesystem::temp_directory_path() / "strata-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Folder::path(std::string_view name) const {
  return name.empty() ? path_.string() : (path_ / name).string();
}

std::string Folder::write(std::string_view name, std::string_view bytes) const {
  std::ofstream out(path(name), std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path(name);
}

void python(const std::string& script, const std::vector<std::string>& arguments) {
  auto command =
      std::string("TRANSFORMERS_VERBOSITY=error " STRATA_PYTHON " " STRATA_SCRIPTS "/") + script;
  for (const auto& argument : arguments) command += " '" + argument + "'";
  if (::system(command.c_str()) != 0) throw std::runtime_error(command + " failed");
}

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("no file " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string sized(std::string_view text) {
  return bytes(std::uint64_t{text.size()}) + std::string(text);
}

std::string safetensors(std::string_view json, std::size_t data) {
  return sized(json) + std::string(data, '\0');
}

Gguf& Gguf::raw(std::string_view key, std::uint32_t type, std::string_view value) {
  metadata_ += sized(key) + bytes(type) + std::string(value);
  ++keys_;
  return *this;
}

Gguf& Gguf::text(std::string_view key, std::string_view value) { return raw(key, 8, sized(value)); }
Gguf& Gguf::u32(std::string_view key, std::uint32_t value) { return raw(key, 4, bytes(value)); }
Gguf& Gguf::f32(std::string_view key, float value) { return raw(key, 6, bytes(value)); }

Gguf& Gguf::tensor(std::string_view name, std::vector<std::uint64_t> dims, std::uint32_t type,
                   std::uint64_t offset) {
  infos_ += sized(name) + bytes(static_cast<std::uint32_t>(dims.size()));
  for (const auto dim : dims) infos_ += bytes(dim);
  infos_ += bytes(type) + bytes(offset);
  ++tensors_;
  return *this;
}

Gguf& Gguf::counts(std::uint64_t tensors, std::uint64_t keys) {
  claimed_ = true;
  claimed_tensors_ = tensors;
  claimed_keys_ = keys;
  return *this;
}

std::string Gguf::header() const {
  auto out = "GGUF" + bytes(version_) + bytes(claimed_ ? claimed_tensors_ : tensors_) +
             bytes(claimed_ ? claimed_keys_ : keys_) + metadata_ + infos_;
  out.append((32 - out.size() % 32) % 32, '\0');
  return out;
}

}  // namespace made
