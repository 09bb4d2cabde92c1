// qconv: int8 convolution for x86 CPUs with the same bytes on every machine. The one header to
// include. Read next: conv.h.
#pragma once

#include "qconv/conv.h"
#include "qconv/executor.h"
#include "qconv/isa.h"
#include "qconv/params.h"
#include "qconv/reference.h"
#include "qconv/saturation.h"
#include "qconv/spatial.h"
#include "qconv/version.h"
