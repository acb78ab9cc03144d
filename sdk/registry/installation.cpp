#include "registry/installation.hpp"

#include <dlfcn.h>

#include <system_error>

#include "core/error.hpp"

namespace strata::registry {

std::filesystem::path installation_folder() {
  Dl_info found{};
  std::error_code error;
  std::filesystem::path library;
  if (dladdr(reinterpret_cast<const void*>(&installation_folder), &found) != 0 && found.dli_fname)
    library = std::filesystem::canonical(found.dli_fname, error);
  if (library.empty())
    throw Error("plugins", "the folder of Strata's libraries is unknown", "install Strata again");
  return library.parent_path().parent_path();
}

}  // namespace strata::registry
