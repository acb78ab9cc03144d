#include "registry/shared_library.hpp"

#include <dlfcn.h>

#include <filesystem>

#include "core/error.hpp"
#include "registry/installation.hpp"

namespace strata::registry {

void* function_of(const std::string& library, const char* name, const std::string& who,
                  const std::string& remedy) {
  const auto path = installation_folder() / "lib" / library;
  if (!std::filesystem::exists(path)) throw Error(who, path.string() + " is missing", remedy);
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle) {
    const char* error = dlerror();
    const std::string words = error ? error : path.string() + " cannot be loaded";
    // The dynamic loader's messages for too little memory, or for a memory limit.
    const bool memory =
        words.find("map segment") != words.npos || words.find("cannot allocate") != words.npos;
    throw Error(who, words, memory ? "raise the limit of memory (ulimit -v)" : remedy);
  }
  void* found = dlsym(handle, name);
  if (!found)
    throw Error(who, path.string() + " has no " + name, "install the one made with this program");
  return found;
}

}  // namespace strata::registry
