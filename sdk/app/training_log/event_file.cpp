#include "app/training_log/event_file.hpp"

#include <unistd.h>

#include <array>
#include <bit>
#include <cctype>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <string_view>

#include "app/training_log/number_text.hpp"
#include "core/error.hpp"

namespace strata::training_log {
namespace {

namespace fs = std::filesystem;

// CRC-32C (Castagnoli) with the polynomial reflected, a byte at a time.
constexpr auto crc_table = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
    table[byte] = crc;
  }
  return table;
}();

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~uint32_t{0};
  for (const char c : bytes)
    crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xFFU];
  return ~crc;
}

// TFRecord stores checksums rotated and shifted, so that a checksum over bytes with checksums in
// them stays a good one.
uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8U; }

template <class Unsigned>
void put_little(std::string& out, Unsigned value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    out += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
}

std::string tf_record(std::string_view message) {
  std::string out;
  put_little(out, static_cast<uint64_t>(message.size()));
  put_little(out, masked_crc(out));
  out += message;
  put_little(out, masked_crc(message));
  return out;
}

// The wire types of Protocol Buffers.
enum class Wire : uint8_t { varint = 0, eight_bytes = 1, length = 2, four_bytes = 5 };

// Appends the fields of one message.
class Message {
 public:
  Message& integer(uint32_t field, uint64_t value) {
    key(field, Wire::varint);
    varint(value);
    return *this;
  }
  Message& real(uint32_t field, double value) {
    key(field, Wire::eight_bytes);
    put_little(bytes_, std::bit_cast<uint64_t>(value));
    return *this;
  }
  Message& single(uint32_t field, float value) {
    key(field, Wire::four_bytes);
    put_little(bytes_, std::bit_cast<uint32_t>(value));
    return *this;
  }
  Message& text(uint32_t field, std::string_view value) {
    key(field, Wire::length);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(uint32_t field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void key(uint32_t field, Wire wire) { varint(field << 3 | static_cast<uint32_t>(wire)); }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

// The numbers of the fields in TensorFlow's event.proto and summary.proto.
namespace event_field {
constexpr uint32_t wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7;
}
constexpr uint32_t summary_value = 1, value_tag = 1, value_simple = 2, session_status = 1;
constexpr uint64_t session_start = 1;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Message event(int64_t step) {
  Message out;
  out.real(event_field::wall_time, now());
  out.integer(event_field::step, static_cast<uint64_t>(step));
  return out;
}

class Scalars {
 public:
  void add(std::string_view tag, double value) {
    const auto scalar = Message().text(value_tag, tag).single(value_simple, single(value));
    summary_.message(summary_value, scalar);
  }
  std::string record(int64_t step) const {
    return tf_record(event(step).message(event_field::summary, summary_).bytes());
  }

 private:
  // A value beyond float's range becomes infinite by IEEE 754.
  static float single(double value) { return static_cast<float>(value); }

  Message summary_;
};

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "host";
  std::string out = name.data();
  for (char& c : out)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.') c = '_';
  return out.empty() ? "host" : out;
}

constexpr std::string_view prefix = "events.out.tfevents.";

// The seconds in the name of an event file; 0 for other names.
int64_t seconds_in(std::string_view name) {
  int64_t seconds = 0;
  if (!name.starts_with(prefix)) return 0;
  name.remove_prefix(prefix.size());
  std::from_chars(name.data(), name.data() + name.size(), seconds);
  constexpr int64_t latest = 9'999'999'999;  // of ten digits, as many as every name has
  return seconds > 0 && seconds < latest ? seconds : 0;
}

// TensorBoard reads the files of a folder in the order of their names, so this one's time is later
// than all of theirs, also when the clock is not.
std::string new_name(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Error(folder, "creating failed: " + error.message(), "give another folder");
  auto seconds = static_cast<int64_t>(now());
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    seconds = std::max(seconds, seconds_in(entry->path().filename().string()) + 1);
  if (error) throw Error(folder, "reading failed: " + error.message(), "give another folder");
  auto digits = padded(std::to_string(seconds), 10);
  for (char& c : digits)
    if (c == ' ') c = '0';
  return folder + "/" + std::string(prefix) + digits + "." + host_name() + "." +
         std::to_string(::getpid());
}

}  // namespace

EventFile::EventFile(const std::string& folder, std::optional<int64_t> resumed)
    : file_(new_name(folder), true) {
  const auto first = resumed ? *resumed + 1 : 0;
  file_.append(tf_record(event(first).text(event_field::file_version, "brain.Event:2").bytes()));
  if (!resumed) return;
  const auto start = Message().integer(session_status, session_start);
  file_.append(tf_record(event(first).message(event_field::session_log, start).bytes()));
}

void EventFile::add(const StepRecord& step) {
  Scalars scalars;
  scalars.add("train/loss", step.loss);
  if (step.router_loss != 0) scalars.add("train/router_loss", step.router_loss);
  if (step.accuracy) scalars.add("train/accuracy", *step.accuracy);
  scalars.add("train/lr", step.lr);
  scalars.add("train/grad_norm", step.grad_norm);
  scalars.add("train/tokens_per_second", tokens_per_second(step));
  file_.append(scalars.record(step.step));
}

void EventFile::add(const ValidationRecord& validation) {
  Scalars scalars;
  scalars.add("eval/loss", validation.loss);
  if (validation.accuracy) scalars.add("eval/accuracy", *validation.accuracy);
  file_.append(scalars.record(validation.step));
}

}  // namespace strata::training_log
