// Lookup of the embedding's rows in the place where its table is.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/device/device.hpp"
#include "core/run/compute.hpp"
#include "core/tier/client.hpp"
#include "core/tier/route.hpp"

namespace strata::run {

// Brings the rows of a pass's ids to the device. Used on the thread that computes.
class Rows {
 public:
  virtual ~Rows() = default;
  virtual void give(std::span<const int32_t> ids, RowSink& to) = 0;
  // Bytes that all calls so far have read from files.
  virtual uint64_t planned() const { return 0; }
};

// Rows of a table that is whole on the device, in run form.
class ResidentRows : public Rows {
 public:
  ResidentRows(zero::Weight table, const std::byte* at) : table_(std::move(table)), at_(at) {}
  void give(std::span<const int32_t>, RowSink& to) override { to.table(table_, at_); }

 private:
  zero::Weight table_;
  const std::byte* at_;
};

// Rows [first, first + rows) of a table at `at`.
struct MappedTile {
  int64_t first = 0, rows = 0;
  const std::byte* at = nullptr;
};

// The memory for the rows of a pass: `host` is filled, and copied to `device` where that is other
// memory. `event` of the device happens when the copy is done.
struct RowRoom {
  std::byte* host = nullptr;
  std::byte* device = nullptr;
  device::Device* lanes = nullptr;
  uint32_t event = 0;
  uint64_t copies = 0;
};

// Rows of a table in host memory, in tiles of equal size, in stored form where `stored` is set.
class MappedRows : public Rows {
 public:
  MappedRows(zero::Weight table, bool stored, std::vector<MappedTile> tiles, RowRoom room);
  void give(std::span<const int32_t> ids, RowSink& to) override;

 private:
  zero::Weight table_;
  bool stored_;
  std::vector<MappedTile> tiles_;
  RowRoom room_;
};

// Rows of a table in a file, in stored form, read through a tier of its own: no other thread uses
// `tier`.
class FileRows : public Rows {
 public:
  // `staging` holds `parts` parts of tier::Grain::chunk bytes.
  FileRows(zero::Weight table, tier::Tier& tier, const tier::Region& file, tier::Grain grain,
           std::byte* staging, uint32_t parts, RowRoom room);
  void give(std::span<const int32_t> ids, RowSink& to) override;
  uint64_t planned() const override { return planned_; }

 private:
  void read(uint32_t first, uint32_t count);
  bool submit(uint32_t first, uint32_t part);

  zero::Weight table_;
  tier::Tier& tier_;
  const tier::Region& file_;
  tier::Grain grain_;
  std::byte* staging_;
  uint32_t parts_;
  RowRoom room_;
  tier::Route route_;  // kept from pass to pass
  uint64_t planned_ = 0;
};

}  // namespace strata::run
