// The guards by subject; guards.cc puts them together.
#pragma once

#include "guards.h"

namespace dgsam {

std::vector<Guard> optimizerGuards();
std::vector<Guard> layerGuards();
std::vector<Guard> embeddingGuards();
std::vector<Guard> lossGuards();
std::vector<Guard> recurrentGuards();
std::vector<Guard> poolingGuards();
std::vector<Guard> algebraGuards();
std::vector<Guard> sparseGuards();
std::vector<Guard> internalGuards();

}  // namespace dgsam
