#include "torch/comm/address.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>

namespace strata::torch {

std::string address_towards(const std::string& host) {
  addrinfo want{};
  want.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  // The port is any: a datagram socket that connects sends nothing.
  if (getaddrinfo(host.c_str(), "9", &want, &list) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> kept(list, freeaddrinfo);
  for (const auto* one = list; one; one = one->ai_next) {
    const int socket = ::socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) continue;
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    auto* address = reinterpret_cast<sockaddr*>(&own);
    const bool known = connect(socket, one->ai_addr, one->ai_addrlen) == 0 &&
                       getsockname(socket, address, &size) == 0;
    close(socket);
    std::array<char, NI_MAXHOST> text{};
    if (known &&
        getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      return text.data();
  }
  return {};
}

}  // namespace strata::torch
