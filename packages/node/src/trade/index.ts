export { auditDesk, type DeskAudit, openWork } from "./audit.ts";
export { openTradeDesk, type TradeDeskOptions } from "./desk.ts";
export { type DiskFile, folderDisk, type JournalDisk } from "./disk.ts";
export { memoryDisk, type MemoryDisk } from "./memory-disk.ts";
