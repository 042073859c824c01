#include "guards.h"

#include <sstream>
#include <unordered_map>

#include "guard_rooms.h"

namespace dgsam {

const std::vector<Guard>& guards() {
  static const std::vector<Guard> all = [] {
    std::vector<Guard> result;
    for (const auto& room : {optimizerGuards(), layerGuards(), embeddingGuards(), lossGuards(), recurrentGuards(), poolingGuards(),
                             algebraGuards(), sparseGuards(), internalGuards()})
      result.insert(result.end(), room.begin(), room.end());
    return result;
  }();
  return all;
}

const Guard* findGuard(const std::string& qualifiedName) {
  static const std::unordered_map<std::string, const Guard*> byName = [] {
    std::unordered_map<std::string, const Guard*> result;
    for (const Guard& guard : guards()) {
      std::istringstream names(guard.operators);
      for (std::string name; names >> name;) result.emplace("aten::" + name, &guard);
    }
    return result;
  }();
  auto found = byName.find(qualifiedName);
  if (found == byName.end()) found = byName.find(qualifiedName.substr(0, qualifiedName.find('.')));
  return found == byName.end() ? nullptr : found->second;
}

}  // namespace dgsam
