# qconv_add_isa(<name> [flag...]): compiles src/kernels/isa_<name>.cpp with the given flags into the
# library, if QCONV_ISAS has it. The only place where -m flags enter the build.
#
# Inline functions of a file built with -mavx512f may be the copy that the linker keeps for
# everybody. So these files keep everything in anonymous namespaces and export nothing but their
# kernel table; the test `isa_symbols` checks it with nm.
include(CheckCXXCompilerFlag)

function(qconv_add_isa name)
  set_property(GLOBAL APPEND PROPERTY QCONV_KNOWN_ISAS ${name})
  if(NOT name IN_LIST QCONV_ISAS AND NOT "all" IN_LIST QCONV_ISAS AND NOT name STREQUAL "scalar")
    return()
  endif()
  set(target qconv_isa_${name})
  add_library(${target} OBJECT src/kernels/isa_${name}.cpp)
  target_compile_features(${target} PRIVATE cxx_std_20)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} PRIVATE qconv_options xsimd)
  # Kernels are fast in a debug build too: it is for the code around them.
  set(options ${ARGN} -O3 -fno-exceptions -fno-rtti)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # GCC 12 warns about its own _mm512_undefined_ps(). And GCC spills pointers to vector registers,
    # where it tunes for some CPUs; the moves back compete with the arithmetic, and wait for it.
    set(tuning ^general_regs_sse_spill)
    list(APPEND options -Wno-uninitialized -Wno-maybe-uninitialized)
    if(name MATCHES avx512)
      # Nor plain moves to vector registers; nor spills to mask registers, which cost too much on a
      # CPU that has none. (Zen 4, 6x64 tiles: 50 cycles beside the products instead of 56.)
      string(APPEND tuning ,^inter_unit_moves_to_vec,^inter_unit_moves_from_vec)
      list(APPEND options -mtune=haswell)
    endif()
    if(name STREQUAL avx512)
      # Chains of 16 rows: it would form sums of steps that addresses have for nothing.
      list(APPEND options -fno-tree-slsr)
    endif()
    # An option for GCC's developers: versions that lack one of these names do without.
    string(MAKE_C_IDENTIFIER QCONV_CXX_TUNES_${tuning} tunes)
    check_cxx_compiler_flag(-mtune-ctrl=${tuning} ${tunes})
    if(${tunes})
      list(APPEND options -mtune-ctrl=${tuning})
    endif()
  endif()
  # Small kernels have shorter loops and tiles; sanitizers need them, as GCC would take minutes for
  # each instrumented file.
  set(unroll 4)
  set(tile_rows 64)  # no limit
  if(QCONV_SMALL_KERNELS OR QCONV_SANITIZE)
    set(unroll 1)
    set(tile_rows 4)
    list(APPEND options -O1)  # the last one counts
  endif()
  if(QCONV_SANITIZE)
    # For the same reason the scope of thousands of inlined lambdas is not tracked, and UBSan leaves
    # out its checks of pointers, most of which ASan makes where it is there, too.
    set(checks "")
    if(QCONV_SANITIZE MATCHES address)
      list(APPEND checks -fno-sanitize-address-use-after-scope)
      if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)  # calls instead of inlined checks
        list(APPEND checks --param=asan-instrumentation-with-call-threshold=0)
      endif()
    endif()
    if(QCONV_SANITIZE MATCHES undefined)
      list(APPEND checks -fno-sanitize=null,alignment,object-size,pointer-overflow)
    endif()
    # Options of the file, not of the target: they must come after those of qconv_options.
    set_source_files_properties(src/kernels/isa_${name}.cpp PROPERTIES COMPILE_OPTIONS "${checks}")
  endif()
  target_compile_options(${target} PRIVATE ${options})
  target_compile_definitions(${target} PRIVATE QCONV_DEPTH_UNROLL=${unroll}
                                               QCONV_MOST_TILE_ROWS=${tile_rows})
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  qconv_hide_symbols(${target})
  target_sources(qconv PRIVATE $<TARGET_OBJECTS:${target}>)
  string(TOUPPER ${name} upper)
  set_property(SOURCE src/dispatch/registry.cpp APPEND
               PROPERTY COMPILE_DEFINITIONS QCONV_HAS_${upper})
  set_property(GLOBAL APPEND PROPERTY QCONV_ISA_TARGETS ${target})
endfunction()

# Complains of a name in QCONV_ISAS that none of the ISAs added so far has.
function(qconv_check_isas)
  get_property(known GLOBAL PROPERTY QCONV_KNOWN_ISAS)
  foreach(name IN LISTS QCONV_ISAS)
    if(NOT name IN_LIST known AND NOT name STREQUAL "all")
      list(JOIN known ", " known)
      message(FATAL_ERROR "QCONV_ISAS has \"${name}\"; want all, or a list with \";\" of: ${known}")
    endif()
  endforeach()
endfunction()
