#include "hub/fetch.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "core/error.hpp"
#include "core/source/output.hpp"
#include "registry/hash.hpp"

namespace strata::hub {
namespace {

namespace fs = std::filesystem;

constexpr int most_tries = 5, most_redirects = 10;
constexpr std::uint64_t longest_text = 16u << 20, real_progress = 1u << 20;

std::string header(const Reply& reply, const char* name) {
  const auto at = reply.headers.find(name);
  return at == reply.headers.end() ? "" : at->second;
}

// "scheme://host:port"
std::string_view origin(std::string_view url) {
  const auto slashes = url.find("://");
  return slashes == url.npos ? url : url.substr(0, url.find_first_of("/?#", slashes + 3));
}

bool passes(const Reply& reply) {
  return reply.status == 0 || reply.status == 408 || reply.status == 429 || reply.status >= 500;
}

void pause_after(int tried) {
  std::this_thread::sleep_for(std::chrono::milliseconds(100 << std::max(tried, 1)));
}

// Whether the body continues where the file ends; a server without range requests starts over.
bool continues(const Reply& reply, std::uint64_t have) {
  return reply.status == 206 &&
         header(reply, "content-range").starts_with("bytes " + std::to_string(have) + "-");
}

[[noreturn]] void refuse(const std::string& url, const Reply& reply) {
  switch (reply.status) {
    case 0:
      throw Error(url, "no answer: " + reply.words, "check the network and HF_ENDPOINT");
    case 401:
    case 403:
      throw Error(url, "the hub refuses (" + std::to_string(reply.status) + ")",
                  "set HF_TOKEN, accept the model's terms, or check its name");
    case 404:
      throw Error(url, "the hub has no such model, revision or file (404)", "check the name");
    case 200:
    case 206:
    case 416:
      throw Error(url, "the file ends too early or cannot go on", "try again later");
    default:
      throw Error(url, "the hub answers " + std::to_string(reply.status), "try again later");
  }
}

// The hash in an ETag, with or without quotes and W/; empty if the ETag is no hash.
std::string hash_of(std::string text) {
  if (text.starts_with("W/")) text.erase(0, 2);
  std::erase(text, '"');
  const bool hex = text.find_first_not_of("0123456789abcdef") == text.npos;
  return hex && (text.size() == 40 || text.size() == 64) ? text : "";
}

// The partial file. It is locked, so that only one process writes it.
class Incomplete {
 public:
  explicit Incomplete(const fs::path& path)
      : path_(path.string()),
        descriptor_(open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) refuse("opening");
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0)
      throw Error(path_, "another program is fetching it", "wait for that one");
  }
  ~Incomplete() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Incomplete(const Incomplete&) = delete;
  Incomplete& operator=(const Incomplete&) = delete;

  std::uint64_t size() const { return static_cast<std::uint64_t>(lseek(descriptor_, 0, SEEK_END)); }
  void clear() {
    if (ftruncate(descriptor_, 0) != 0) refuse("truncating");
  }
  void append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto done = write(descriptor_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) refuse("writing");
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
  }
  // Renames the file to `blob` once it is on the disk and its hash equals the hub's.
  void finish(const About& about, const fs::path& blob) {
    if (fsync(descriptor_) != 0) refuse("syncing");
    const auto hash =
        about.hash.size() == 64 ? registry::sha256_of(path_) : registry::git_sha1_of(path_);
    if (hash != about.hash) {
      fs::remove(path_);
      throw Error(about.url, "its bytes have the hash " + hash + ", the hub says " + about.hash,
                  "run it again: what was fetched is removed");
    }
    fs::rename(path_, blob);
    source::sync_folder(blob.parent_path());
  }

 private:
  [[noreturn]] void refuse(const char* doing) const {
    throw Error(path_, std::string(doing) + " failed: " + std::strerror(errno),
                "make room on the disk, or set HF_HOME to a folder elsewhere");
  }

  std::string path_;
  int descriptor_;
};

}  // namespace

std::string percent_encoded(std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) || std::string_view("-._~").find(static_cast<char>(c)) != text.npos)
      out += static_cast<char>(c);
    else
      out.append({'%', hex[c >> 4], hex[c & 15]});
  }
  return out;
}

Reply Fetch::send(Request request, const Body& body, bool away) {
  for (int hop = 0; hop < most_redirects; ++hop) {
    const bool home = origin(request.url) == origin(hub_.endpoint);
    request.token = home ? hub_.token : "";
    request.patience = hub_.patience;
    auto reply = http_.send(request, body);
    if (reply.status / 100 != 3 || reply.redirect.empty()) return reply;
    if (!away &&
        (origin(reply.redirect) != origin(request.url) || reply.headers.contains("x-linked-etag")))
      return reply;
    if (request.url.starts_with("https:") && !reply.redirect.starts_with("https:"))
      throw Error(request.url, "redirects to " + printable(reply.redirect) + ", which is not https",
                  "check HF_ENDPOINT");
    request.url = reply.redirect;
  }
  throw Error(request.url, "redirects too often", "check HF_ENDPOINT");
}

Reply Fetch::retried(const std::function<Reply()>& attempt) {
  for (int tried = 1;; ++tried) {
    auto reply = attempt();
    if (!passes(reply) || tried == most_tries) return reply;
    pause_after(tried);
  }
}

std::string Fetch::text(const std::string& url) {
  std::string out;
  const auto take = [&](const Reply&, std::span<const std::byte> bytes) {
    if (out.size() + bytes.size() > longest_text)
      throw Error(url, "the answer is too long", "check HF_ENDPOINT");
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  };
  const auto reply = retried([&] {
    out.clear();
    return send({.url = url}, take, false);
  });
  if (reply.status != 200) refuse(url, reply);
  return out;
}

About Fetch::about(const std::string& url) {
  const auto reply = retried([&] {
    return send(
        {.url = url, .head = true}, [](const Reply&, auto) { return true; }, false);
  });
  const bool elsewhere = reply.status / 100 == 3 && !reply.redirect.empty();
  if (reply.status != 200 && !elsewhere) refuse(url, reply);
  const auto linked = header(reply, "x-linked-etag");
  About out{url, hash_of(linked.empty() ? header(reply, "etag") : linked), 0};
  if (out.hash.empty())
    throw Error(url, "the hub gives no hash of the file", "fetch the file in another way");
  auto length = header(reply, "x-linked-size");
  if (length.empty() && !elsewhere) length = header(reply, "content-length");
  const auto* end = length.data() + length.size();
  const auto [at, code] = std::from_chars(length.data(), end, out.bytes);
  if (code != std::errc() || at != end)
    throw Error(url, "the hub does not say how long the file is", "fetch it in another way");
  return out;
}

void Fetch::file(const About& about, const fs::path& blob,
                 const std::function<void(std::uint64_t)>& progress) {
  Incomplete file(blob.string() + ".incomplete");
  auto have = file.size();
  if (have > about.bytes) file.clear(), have = 0;
  for (int tried = 1; have < about.bytes; ++tried) {
    const auto before = have;
    bool first = true;
    const auto take = [&](const Reply& reply, std::span<const std::byte> bytes) {
      if (std::exchange(first, false) && !continues(reply, have)) file.clear(), have = 0;
      if (bytes.size() > about.bytes - have)
        throw Error(about.url, "sends more than the " + std::to_string(about.bytes) + " bytes said",
                    "try again later");
      file.append(bytes);
      progress(have += bytes.size());
      return true;
    };
    const auto reply = send({.url = about.url, .from = have}, take, true);
    if (have == about.bytes) break;
    if (reply.status == 416) file.clear(), have = 0;  // the bytes so far belong to another file
    if (have > before + real_progress) tried = 0;
    if (tried == most_tries || (reply.status != 416 && reply.status / 100 != 2 && !passes(reply)))
      refuse(about.url, reply);
    pause_after(tried);
  }
  file.finish(about, blob);
}

}  // namespace strata::hub
