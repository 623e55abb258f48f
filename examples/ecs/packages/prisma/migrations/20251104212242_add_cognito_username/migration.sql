-- AlterTable
ALTER TABLE "User" ADD COLUMN "cognitoUsername" TEXT;

-- CreateIndex
CREATE UNIQUE INDEX "User_cognitoUsername_key" ON "User"("cognitoUsername");
