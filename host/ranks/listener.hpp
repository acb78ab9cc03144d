// The socket where the ranks that this process starts meet.
#pragma once
#include <cstdint>

namespace strata::host {

// Listens at a free port of 127.0.0.1 from the beginning, so that no other process can take the
// port before rank 0, which inherits the socket, serves it.
class Listener {
 public:
  Listener();  // throws Error
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int descriptor() const { return descriptor_; }  // closed by exec, -1 behind close
  std::uint16_t port() const { return port_; }
  // Leaves the socket to the processes that inherited it: the port is free once they have ended.
  void close();

 private:
  int descriptor_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace strata::host
