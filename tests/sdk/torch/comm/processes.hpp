// The processes of a group, forked by a test before it computes anything.
#pragma once
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/run/group.hpp"

namespace made {

// The rank's end of a pipe to the test, and the options that it opens its group with.
struct Rank {
  strata::run::GroupOptions options;
  int pipe = -1;

  // The group; `on_lost` says "lost RANK REASON" and ends the process.
  std::unique_ptr<strata::run::Group> open() const;
  // Sends a line to the test.
  void say(const std::string& line) const;
};

// The processes are killed where the test ends before them.
class Processes {
 public:
  using Be = std::function<void(const Rank&)>;
  // Each process calls be() and ends; one that throws says "error WORDS".
  Processes(uint32_t ranks, std::chrono::milliseconds heartbeat, std::chrono::milliseconds stall,
            const Be& be);
  ~Processes();
  Processes(Processes&&) noexcept = default;
  Processes& operator=(Processes&&) = delete;

  pid_t pid(uint32_t rank) const { return all_[rank].pid; }
  // The next line of the rank; "ended" or "ended by signal N" where it said no more,
  // "silent" after a minute.
  std::string line(uint32_t rank);

 private:
  struct Process {
    pid_t pid = 0;
    int pipe = -1;
    std::string read;
  };
  static std::string end_of(Process& process);

  std::vector<Process> all_;
};

}  // namespace made
