-- CreateTable
CREATE TABLE "Vote" (
    "reportId" TEXT NOT NULL,
    "voter" TEXT NOT NULL,

    CONSTRAINT "Vote_pkey" PRIMARY KEY ("reportId","voter")
);

-- AddForeignKey
ALTER TABLE "Vote" ADD CONSTRAINT "Vote_reportId_fkey" FOREIGN KEY ("reportId") REFERENCES "Report"("id") ON DELETE CASCADE ON UPDATE CASCADE;
