// A file that holds regions: opened once, with O_DIRECT (past the page cache) if its file system
// allows that.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

class File {
 public:
  // An existing file, read only. `direct`: true insists on O_DIRECT, false does without it, none
  // uses it if possible. Offsets will be multiples of `align`. Throws strata::Failure.
  static std::shared_ptr<File> read_only(const std::string& path, std::optional<bool> direct,
                                         std::uint64_t align);
  // A new, empty, nameless file in `folder`, deleted when it is closed.
  static std::shared_ptr<File> scratch(const std::string& folder, std::optional<bool> direct,
                                       std::uint64_t align);
  File(const File&) = delete;
  ~File();

  int descriptor() const { return descriptor_; }
  const std::string& name() const { return name_; }
  bool direct() const { return direct_; }
  std::uint64_t bytes() const;  // as of now
  // Reserves room on the disk for these bytes of a scratch file; throws Failure(STRATA_EXHAUSTED).
  void reserve(std::uint64_t offset, std::uint64_t bytes) const;
  // Drops this range from the page cache if reads go through it.
  void forget(std::uint64_t offset, std::uint64_t bytes) const;

 private:
  File(int descriptor, std::string name, bool direct)
      : descriptor_(descriptor), name_(std::move(name)), direct_(direct) {}
  static std::shared_ptr<File> open(const std::string& path, const std::string& name, int flags,
                                    std::optional<bool> direct, std::uint64_t align);

  int descriptor_;
  std::string name_;
  bool direct_;
};
