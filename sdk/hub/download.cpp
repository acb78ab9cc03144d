#include "hub/download.hpp"

#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/source/output.hpp"
#include "core/source/shard_index.hpp"
#include "hub/cache.hpp"
#include "hub/fetch.hpp"
#include "hub/gguf_files.hpp"
#include "registry/shared_library.hpp"

namespace strata::hub {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_of(const Json& listing, const std::string& url) {
  std::vector<std::string> out;
  const auto siblings = listing.find("siblings");
  if (siblings != listing.end() && siblings->is_array())
    for (const auto& one : *siblings)
      if (one.is_object() && one.contains("rfilename") && one["rfilename"].is_string())
        out.push_back(one["rfilename"]);
  if (out.empty()) throw Error(url, "the answer lists no files", "check HF_ENDPOINT");
  return out;
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The download of one model, from its files' addresses on the hub to their places in the cache.
class Download {
 public:
  Download(Http& http, const Hub& hub, const std::string& id, const Progress& progress)
      : fetch_(http, hub), hub_(hub), id_(id), model_(model_folder(id)), progress_(progress) {}

  // Returns the snapshot's folder, or the first of its GGUF files.
  fs::path run(const std::string& revision, const std::string& quantization) {
    const auto url =
        hub_.endpoint + "/api/models/" + id_ + "/revision/" + percent_encoded(revision);
    const auto listing = parse_json(fetch_.text(url), url);
    const auto sha = listing.is_object() ? listing.find("sha") : listing.end();
    if (!listing.is_object() || sha == listing.end() || !sha->is_string() ||
        !is_commit(sha->get_ref<const std::string&>()))
      throw Error(url, "the answer names no commit", "check HF_ENDPOINT");
    commit_ = *sha;
    const auto names = names_of(listing, url);
    const auto weights = quantization.empty() ? weights_file(names) : "";
    const auto gguf =
        weights.empty() ? gguf_files(names, quantization, id_) : std::vector<std::string>();
    if (weights.empty() && gguf.empty())
      throw Error(id_,
                  quantization.empty() ? "has neither safetensors, pytorch_model.bin nor GGUF"
                                       : "has no GGUF",
                  "give a model that has its weights so");
    for (const auto& name : gguf) take(name);
    if (!weights.empty()) take_folder(names, weights);
    if (revision != commit_) {
      fs::create_directories((model_ / "refs" / revision).parent_path());
      source::write_whole((model_ / "refs" / revision).string(), commit_);
    }
    return gguf.empty() ? snapshot() : snapshot() / gguf.front();
  }

 private:
  void take_folder(const std::vector<std::string>& names, const std::string& weights) {
    for (const auto& name : small_files(names)) take(name);
    take(weights);
    if (!weights.ends_with(".index.json")) return;
    for (const auto& [shard, tensors] :
         source::parse_shard_index(text_of(snapshot() / weights), weights))
      take(shard);
  }

  fs::path snapshot() const { return model_ / "snapshots" / commit_; }

  void take(const std::string& name) {
    const auto link = snapshot() / name;
    if (fs::exists(link)) return;
    fs::create_directories(link.parent_path());
    fs::create_directories(model_ / "blobs");
    auto url = hub_.endpoint + "/" + id_ + "/resolve/" + commit_;
    for (const auto& part : fs::path(name)) url += "/" + percent_encoded(part.string());
    const auto about = fetch_.about(url);
    const auto blob = model_ / "blobs" / about.hash;
    if (!fs::exists(blob))
      fetch_.file(about, blob, [&](std::uint64_t done) {
        if (progress_) progress_(name, done, about.bytes);
      });
    fs::remove(link);  // a dangling one
    fs::create_symlink(blob.lexically_relative(link.parent_path()), link);
  }

  Fetch fetch_;
  const Hub& hub_;
  std::string id_, commit_;
  fs::path model_;
  const Progress& progress_;
};

std::unique_ptr<Http> open_http() {
  using Open = std::unique_ptr<Http>();
  return reinterpret_cast<Open*>(registry::function_of("libstrata-http.so", "strata_open_http",
                                                       "download", "install libcurl4"))();
}

}  // namespace

fs::path download(const Hub& hub, const std::string& named, const std::string& revision,
                  const Progress& progress) {
  const auto quantized = quantized_id(named);
  const auto& id = quantized ? quantized->id : named;
  if (!is_model_id(id))
    throw UsageError("MODEL", "'" + printable(id) + "' is no model of a hub", "write ORG/NAME");
  if (!is_revision(revision))
    throw UsageError("--revision", "'" + printable(revision) + "' is no branch, tag or commit",
                     "give one as the hub names it");
  if (hub.offline) {
    if (quantized && find_snapshot(id, revision)) return located(named, revision);
    if (const auto snapshot = find_snapshot(id, revision)) return *snapshot;
    throw Error(id,
                "revision " + revision + " is not in " + model_folder(id).string() +
                    ", and HF_HUB_OFFLINE forbids fetching it",
                "unset HF_HUB_OFFLINE");
  }
  const auto http = open_http();
  try {
    return Download(*http, hub, id, progress)
        .run(revision, quantized ? quantized->quantization : "");
  } catch (const fs::filesystem_error& e) {
    throw Error(e.path1().string(), e.code().message(), "make the cache's folder writable");
  }
}

}  // namespace strata::hub
