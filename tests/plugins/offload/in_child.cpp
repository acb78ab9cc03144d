#include "tests/plugins/offload/in_child.hpp"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

const strata_plugin& plugin_under_test() {
  void* library = ::dlopen(STRATA_PLUGIN_FILE, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  const auto* plugin = library ? ::dlsym(library, "strata_plugin_v1") : nullptr;
  if (!plugin) throw std::runtime_error(::dlerror());
  return *static_cast<const strata_plugin*>(plugin);
}

std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const auto child = ::fork();
  if (child == 0) {
    std::string said;
    try {
      said = body();
    } catch (const std::exception& e) {
      said = std::string("threw: ") + e.what();
    }
    const auto written = ::write(ends[1], said.data(), said.size());
    ::_exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string heard;
  char piece[4096];
  for (ssize_t n = 0; (n = ::read(ends[0], piece, sizeof(piece))) > 0;)
    heard.append(piece, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? heard : "died";
}

Scratch::Scratch() {
  auto path = (std::filesystem::current_path() / "scratch-XXXXXX").string();
  if (!::mkdtemp(path.data())) throw std::runtime_error(path + ": cannot be made");
  path_ = path;
}

Scratch::~Scratch() { std::filesystem::remove_all(path_); }
