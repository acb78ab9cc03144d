// A tier that several threads use at once.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/tier/client.hpp"

namespace strata::tier {

// Its own thread is the tier's I/O thread: it submits what arrives at the ports, in the order of
// arrival, and gives each port its completions. A tier that breaks off fails all transfers.
class Exchange {
 public:
  // `tier` outlives it, and nobody else submits to it or polls it meanwhile.
  explicit Exchange(Tier& tier);
  // Waits for everything that was submitted; no port is used any more.
  ~Exchange();
  Exchange(const Exchange&) = delete;

  // Makes a port, which lives as long as the exchange and is used by one thread at a time. It
  // accepts every transfer. Call it before any transfer is submitted.
  Transfers& open_port();

 private:
  class Port final : public Transfers {
   public:
    explicit Port(Exchange& exchange) : exchange_(exchange) {}
    const std::string& name() const override { return exchange_.tier_.name(); }
    std::size_t submit(std::span<const Transfer> transfers) override;
    std::size_t poll(std::span<Completion> out, std::int64_t ns) override;

   private:
    friend class Exchange;
    Exchange& exchange_;
    std::condition_variable ended_;
    std::deque<Completion> done_;
    std::size_t open_ = 0;  // transfers that poll has not given back
  };
  struct Job {
    Transfer transfer;
    Port* port = nullptr;
  };

  void work();
  void send();
  void receive();
  void end(std::size_t flying, std::uint64_t bytes, std::exception_ptr error);
  void give_up(std::exception_ptr error);

  Tier& tier_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::mutex mutex_;  // guards the ports' members, waiting_ and stop_
  std::condition_variable more_;
  std::deque<Job> waiting_;
  bool stop_ = false;
  // The thread's own: transfers that the tier has, by their cookies, and those that are free.
  std::vector<Job> flying_;
  std::vector<std::size_t> free_;
  std::uint64_t silent_polls_ = 0;
  std::thread thread_;
};

}  // namespace strata::tier
