// HTTP by libcurl: the library that open_http loads.
#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <exception>
#include <new>
#include <string_view>

#include "hub/http.hpp"

namespace strata::hub {
namespace {

using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

struct Transfer {
  CURL* handle;
  const Body& body;
  Reply reply;
  std::exception_ptr thrown;
};

constexpr std::size_t most_headers = 200;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

std::size_t take_header(const char* data, std::size_t, std::size_t size, void* self) {
  auto& reply = static_cast<Transfer*>(self)->reply;
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) reply.headers.clear();  // drops the headers of an interim response
  const auto colon = line.find(':');
  if (colon == line.npos || reply.headers.size() == most_headers) return size;
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  reply.headers[name] = trimmed(line.substr(colon + 1));
  return size;
}

std::size_t take_body(const char* data, std::size_t, std::size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  long status = 0;
  curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  transfer.reply.status = static_cast<int>(status);
  if (status / 100 != 2) return size;
  try {
    return transfer.body(transfer.reply, std::as_bytes(std::span(data, size))) ? size : 0;
  } catch (...) {
    transfer.thrown = std::current_exception();
    return 0;
  }
}

class Curl : public Http {
 public:
  Curl() : handle_(curl_easy_init(), curl_easy_cleanup) {
    if (!handle_) throw std::bad_alloc();
  }

  Reply send(const Request& request, const Body& body) override {
    auto* const curl = handle_.get();
    Transfer transfer{curl, body, {}, {}};
    Headers headers(curl_slist_append(nullptr, "Accept-Encoding: identity"), curl_slist_free_all);
    const auto bearer = "Authorization: Bearer " + request.token;
    if (!request.token.empty()) curl_slist_append(headers.get(), bearer.c_str());
    const auto range = std::to_string(request.from) + "-";
    curl_easy_reset(curl);  // the connection stays
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "strata/" STRATA_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOBODY, request.head ? 1L : 0L);
    if (request.from > 0) curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, request.patience);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, request.patience);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    const auto code = curl_easy_perform(curl);
    if (transfer.thrown) std::rethrow_exception(transfer.thrown);
    auto& reply = transfer.reply;
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    reply.status = code == CURLE_OK ? static_cast<int>(status) : 0;
    if (code != CURLE_OK) reply.words = curl_easy_strerror(code);
    const char* redirect = nullptr;
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &redirect);
    if (redirect) reply.redirect = redirect;
    return reply;
  }

 private:
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle_;
};

}  // namespace
}  // namespace strata::hub

extern "C" __attribute__((visibility("default"))) std::unique_ptr<strata::hub::Http>
strata_open_http() {
  return std::make_unique<strata::hub::Curl>();
}
