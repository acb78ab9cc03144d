#include "torch/comm/watch.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "core/run/heartbeats.hpp"

namespace strata::torch {

using run::Beat;
using run::Lost;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr const char* no_verdict = "-";
constexpr milliseconds hearing{750};  // the limit for the others to read a verdict

std::string key_of(uint32_t rank) { return "beat/" + std::to_string(rank); }
std::vector<uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
std::string text_of(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

struct Watch::State {
  State(const run::GroupOptions& made_options, Store made_store)
      : options(made_options), store(std::move(made_store)),
        step(std::clamp(options.heartbeat / 12, milliseconds(20), milliseconds(250))),
        judge(options.ranks.ranks, options.heartbeat, options.stall), beats(options.ranks.ranks) {
    for (uint32_t rank = 0; rank < options.ranks.ranks; ++rank) keys.push_back(key_of(rank));
    keys.emplace_back("verdict");
  }

  uint32_t rank() const { return options.ranks.rank; }
  void beat();
  std::optional<Lost> read();
  std::optional<Lost> write(const Lost& lost);
  void await_hearing(const Lost& lost);
  bool round();

  const run::GroupOptions options;
  const Store store;        // used by the thread that exchanges alone, as are the next four
  const milliseconds step;  // between two rounds
  run::Heartbeats judge;
  std::vector<Beat> beats;
  std::vector<std::string> keys;  // of the beats, and of the verdict

  std::mutex mutex;
  std::condition_variable changed;
  Beat own;
  Clock::time_point last_round = Clock::now();
  std::optional<Lost> lost;            // the verdict
  std::optional<std::string> failure;  // this rank's, to be told
  bool failing = false;                // fail() told it, so that this process ends by itself
  bool told = false;                   // the others have its failure
  bool leaving = false;                // this rank says good-bye
  bool done = false;                   // the exchange has ended
  bool over = false;                   // on_lost has returned
  std::mutex fault_mutex;
  std::function<Fault> fault;
};

void Watch::State::beat() {
  Beat now;
  {
    const std::lock_guard lock(mutex);
    ++own.number;
    own.ended = leaving;
    now = own;
  }
  store->set(key_of(rank()), bytes_of(run::text_of(now)));
}

// The verdict that all ranks have by now, by this rank's own judgment, too, if it is the judge.
std::optional<Lost> Watch::State::read() {
  const auto texts = store->multiGet(keys);
  for (std::size_t r = 0; r < beats.size(); ++r) beats[r] = run::beat_of(text_of(texts[r]));
  if (const auto verdict = text_of(texts.back()); verdict != no_verdict)
    return run::lost_of(verdict);
  if (rank() == 0)
    if (const auto found = judge.take(beats, Clock::now())) return write(*found);
  return {};
}

// Returns the verdict that stays: this one, or an earlier one.
std::optional<Lost> Watch::State::write(const Lost& found) {
  return run::lost_of(
      text_of(store->compareSet("verdict", bytes_of(no_verdict), bytes_of(run::text_of(found)))));
}

// [Note: one judge]
void Watch::State::await_hearing(const Lost& verdict) {
  const auto heard = [](uint32_t r) { return "heard/" + std::to_string(r); };
  if (rank() != 0) {
    if (rank() != verdict.rank) store->set(heard(rank()), bytes_of("1"));
    return;
  }
  std::vector<std::string> others;
  for (uint32_t r = 1; r < beats.size(); ++r)
    if (!beats[r].ended && r != verdict.rank) others.push_back(heard(r));
  if (!others.empty()) store->wait(others, hearing);
}

// Returns false after the last one.
bool Watch::State::round() {
  beat();
  auto verdict = read();
  std::optional<std::string> mine;
  bool left = false;
  {
    const std::lock_guard lock(mutex);
    last_round = Clock::now();
    mine = failure;
    left = own.ended;
  }
  if (!verdict && mine) verdict = write({rank(), *mine});
  if (!verdict) return !left || (rank() == 0 && !std::ranges::all_of(beats, &Beat::ended));
  try {
    await_hearing(*verdict);
  } catch (const std::exception&) {  // rank 0, or one that has not read it, is gone
  }
  const std::lock_guard lock(mutex);
  told = failing && verdict->rank == rank() && verdict->reason == *failure;
  if (!told) lost = verdict;
  return false;
}

void Watch::exchange(const std::shared_ptr<State>& state) {
  auto& s = *state;
  bool more = true;
  while (more) {
    try {
      more = s.round();
    } catch (const std::exception&) {
      more = false;
      const std::lock_guard lock(s.mutex);
      if (!s.leaving && !s.told) s.lost = Lost{0, "its connection is gone: it ended or was killed"};
    }
    std::unique_lock lock(s.mutex);
    s.done = !more;
    s.changed.notify_all();
    if (more)
      s.changed.wait_for(lock, s.step, [&] { return (s.leaving && !s.own.ended) || s.failure; });
  }
}

// [Note: two threads]
void Watch::guard(const std::shared_ptr<State>& state) {
  auto& s = *state;
  auto looked = Clock::now(), sound = looked;
  std::unique_lock lock(s.mutex);
  while (!s.lost && !s.done) {
    s.changed.wait_for(lock, s.step, [&] { return s.lost || s.done; });
    const auto now = Clock::now();
    // A process that was stopped itself has not waited for the others.
    if (now - looked > s.options.heartbeat) s.last_round = now;
    looked = now;
    if (s.lost || s.done) break;
    if (s.rank() != 0 && now - s.last_round > s.options.heartbeat) {
      s.lost = Lost{0, run::silent_for(s.options.heartbeat)};
      break;
    }
    lock.unlock();
    std::string words;
    {
      const std::lock_guard fault_lock(s.fault_mutex);
      if (s.fault) words = s.fault();
    }
    lock.lock();
    if (words.empty()) {
      sound = now;
    } else if (now - sound > s.options.heartbeat && !s.failure) {
      s.failure = words;
      s.changed.notify_all();
    }
  }
  const auto lost = s.lost;
  s.changed.notify_all();
  lock.unlock();
  if (lost && s.options.on_lost) s.options.on_lost(*lost);
  lock.lock();
  s.over = true;
  s.changed.notify_all();
}

Watch::Watch(const run::GroupOptions& options, Store store)
    : state_(std::make_shared<State>(options, std::move(store))) {
  as_rank(options.ranks, "no heartbeat of all ranks", [&] {
    if (state_->rank() == 0) state_->store->set("verdict", bytes_of(no_verdict));
    state_->beat();
    state_->store->wait(state_->keys, options.ranks.patience);
  });
  state_->last_round = Clock::now();
  exchange_ = std::thread([state = state_] { exchange(state); });
  guard_ = std::thread([state = state_] { guard(state); });
}

Watch::~Watch() { leave(); }

void Watch::leave() {
  if (!guard_.joinable()) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->leaving = true;
  }
  state_->changed.notify_all();
  guard_.join();
  bool done = false;
  {
    const std::lock_guard lock(state_->mutex);
    done = state_->done;
  }
  if (done)
    exchange_.join();
  else
    exchange_.detach();  // it waits for a store that is lost
}

void Watch::progress(uint64_t count, uint32_t unit) {
  const std::lock_guard lock(state_->mutex);
  ++state_->own.changes;
  state_->own.count = count;
  state_->own.unit = unit;
}

void Watch::begin_call() {
  const std::lock_guard lock(state_->mutex);
  ++state_->own.calls;
}

void Watch::fail(std::string_view reason) {
  std::unique_lock lock(state_->mutex);
  if (state_->failure || state_->lost || state_->done) return;
  state_->failure = std::string(reason.substr(0, reason.find('\n')));
  state_->failing = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, 2 * hearing, [&] { return state_->lost || state_->done; });
}

std::optional<Lost> Watch::verdict() {
  auto& s = *state_;
  std::unique_lock lock(s.mutex);
  s.changed.wait_for(lock, s.options.heartbeat + 2 * hearing,
                     [&] { return s.lost || s.told || s.leaving; });
  if (s.lost) s.changed.wait(lock, [&] { return s.over; });  // the process ends in on_lost
  return s.lost;
}

void Watch::look_at(std::function<Fault> fault) {
  const std::lock_guard lock(state_->fault_mutex);
  state_->fault = std::move(fault);
}

}  // namespace strata::torch
