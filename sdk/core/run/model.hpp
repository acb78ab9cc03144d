// A model to run: its configuration, its family, and its checkpoint unless it is a shape alone.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/plugin/family.hpp"
#include "core/source/checkpoint.hpp"
#include "core/source/config.hpp"
#include "core/source/source_map.hpp"
#include "core/zero/layout.hpp"

namespace strata::run {

// The quantization of a model's weights when it was opened.
struct Quantized {
  std::string scheme, options;          // of the weights that no rule names; the options as JSON
  std::string rules;                    // all that says which weights get which scheme
  std::string cache;                    // "made", "found", "off" or "planned"
  std::string path;                     // of the file; empty: it has no name
  uint64_t packed = 0;                  // weights
  uint64_t bytes = 0;                   // of all weights, as they are held now
  uint64_t bytes_before = 0;            // of all weights as the checkpoint has them
  double seconds = 0;                   // that it took
  std::optional<strata_dtype> dtype{};  // of the checkpoint, where its configuration names none
};

struct Model {
  std::string path;  // as the user named it
  std::shared_ptr<const source::Config> config;
  std::shared_ptr<const plugin::Family> family;  // made from config
  std::optional<source::Checkpoint> checkpoint;  // none: a shape
  std::optional<source::SourceMap> tensors;      // of the checkpoint, by the family's names
  std::optional<Quantized> quantized{};          // none: the weights are as they were

  // Finds every weight of the family in the checkpoint; one Error lists all misfits.
  void resolve();
  // The dtype that the configuration names, in both spellings; "" if it names none.
  std::string_view named_dtype() const;
  // The configuration's dtype; where it names none, the dtype of the first file's
  // first floating tensor by name; float16 where there are no tensors.
  strata_dtype dtype() const;
  // Finds weights for lay_out; for a shape alone it gives dense weights of `dtype` without a place.
  zero::FindTensor find(strata_dtype dtype) const;
  // Bytes of all weights as stored, each counted once; for a shape, its elements in its dtype.
  uint64_t stored_bytes() const;
  // Bytes of all weights in the run form.
  uint64_t run_bytes(strata_dtype dtype) const;
  // Whether the head's matrix is the embedding's table.
  bool tied() const;
  // Whether the head is a value head.
  bool critic() const;
};

}  // namespace strata::run
